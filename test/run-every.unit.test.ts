import { describe, expect, it } from 'vitest';
import { runEvery } from '../src/run-every.ts';
import { waitFor } from './support/wait-for.ts';

describe('runEvery', () => {
  it('runs again after a run that has failed, and reports the error', async () => {
    const stopping = new AbortController();
    const errors: unknown[] = [];
    let runs = 0;
    const running = runEvery(
      1,
      stopping.signal,
      async () => {
        runs += 1;
        if (runs === 1) throw new Error('once');
      },
      (error) => errors.push(error),
    );
    await waitFor(() => runs >= 3);
    stopping.abort();
    await running;
    expect(errors).toEqual([new Error('once')]);
  });

  it('never runs twice at once', async () => {
    const stopping = new AbortController();
    const end = Promise.withResolvers<void>();
    let runs = 0;
    const running = runEvery(
      0,
      stopping.signal,
      () => {
        runs += 1;
        return end.promise;
      },
      () => {},
    );
    await new Promise(setImmediate);
    expect(runs).toBe(1);
    stopping.abort();
    end.resolve();
    await running;
    expect(runs).toBe(1);
  });

  it('ends the pause when its signal aborts, and reports no error of a run that was stopped', async () => {
    const stopping = new AbortController();
    const errors: unknown[] = [];
    const running = runEvery(
      3_600_000,
      stopping.signal,
      async () => {
        stopping.abort();
        throw new Error('stopped');
      },
      (error) => errors.push(error),
    );
    await running;
    expect(errors).toEqual([]);
  });
});
