import { describe, expect, it } from 'vitest';
import { BatchQueue } from '../../src/db/batch-queue.ts';
import { range } from '../support/range.ts';
import { waitFor } from '../support/wait-for.ts';

/** A queue whose runs wait until the test ends them, oldest first. */
function openQueue({ max = 100 } = {}) {
  const runs: (readonly string[])[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const counts: number[] = [];
  const queue = new BatchQueue<string, string>({
    max,
    run: async (items) => {
      runs.push(items);
      const end = Promise.withResolvers<void>();
      ends.push(end);
      await end.promise;
      return items.map((item) => `${item} done`);
    },
    onRun: (count) => counts.push(count),
  });
  const started = (count: number) => waitFor(() => runs.length === count);
  return { queue, runs, ends, counts, started };
}

const failure = (code: string) => Object.assign(new Error(code), { code });

describe('BatchQueue', () => {
  it('runs an item that comes alone at once', async () => {
    const { queue, runs, ends } = openQueue();
    const result = queue.add('a');
    expect(runs).toEqual([['a']]);
    ends[0]?.resolve();
    expect(await result).toBe('a done');
  });

  it('runs what arrives during a run together, in order, once that run has ended', async () => {
    const { queue, runs, ends, counts, started } = openQueue();
    const results = Promise.all([queue.add('a'), queue.add('b'), queue.add('c')]);
    expect(runs).toEqual([['a']]);
    ends[0]?.resolve();
    await started(2);
    ends[1]?.resolve();
    expect(await results).toEqual(['a done', 'b done', 'c done']);
    expect(runs).toEqual([['a'], ['b', 'c']]);
    expect(counts).toEqual([1, 2]);
  });

  it('runs what its results lead to at once together with what waits', async () => {
    const { queue, runs, ends, started } = openQueue();
    const first = queue.add('a').then(async () => {
      for (const _ of range(1, 20)) await null;
      return queue.add('then a');
    });
    const waiting = queue.add('b');
    ends[0]?.resolve();
    await started(2);
    expect(runs[1]).toEqual(['b', 'then a']);
    ends[1]?.resolve();
    expect(await Promise.all([first, waiting])).toEqual(['then a done', 'b done']);
  });

  it('takes at most max items into a run', async () => {
    const { queue, runs, ends, started } = openQueue({ max: 2 });
    const results = Promise.all(['a', 'b', 'c', 'd'].map((item) => queue.add(item)));
    for (const index of [0, 1, 2]) {
      await started(index + 1);
      ends[index]?.resolve();
    }
    await results;
    expect(runs).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  it('leaves out an item whose signal aborts before its run, and rejects it with the reason', async () => {
    const { queue, runs, ends, started } = openQueue();
    const gone = new AbortController();
    const first = queue.add('a');
    const left = queue.add('b', gone.signal);
    const last = queue.add('c');
    gone.abort(new Error('the caller has left'));
    ends[0]?.resolve();
    await expect(left).rejects.toThrow('the caller has left');
    await started(2);
    ends[1]?.resolve();
    expect([await first, await last]).toEqual(['a done', 'c done']);
    expect(runs).toEqual([['a'], ['c']]);
  });

  it.each(['22P05', '23505', '40P01', '54001', 'P0001'])(
    'runs each item by itself after the error %s, which one of them may have caused',
    async (code) => {
      const { queue, runs, ends, started } = openQueue();
      const first = queue.add('a');
      const [second, third] = [queue.add('b'), queue.add('c')];
      const refused = expect(second).rejects.toMatchObject({ code });
      ends[0]?.resolve();
      await started(2);
      ends[1]?.reject(failure(code));
      await started(3);
      ends[2]?.reject(failure(code));
      await refused;
      await started(4);
      ends[3]?.resolve();
      expect([await first, await third]).toEqual(['a done', 'c done']);
      expect(runs).toEqual([['a'], ['b', 'c'], ['b'], ['c']]);
    },
  );

  it('rejects all items of a run that lost its connection, and goes on', async () => {
    const { queue, runs, ends, started } = openQueue();
    const first = queue.add('a');
    const lost = [queue.add('b'), queue.add('c')].map((result) =>
      expect(result).rejects.toMatchObject({ code: 'ECONNRESET' }),
    );
    ends[0]?.resolve();
    await started(2);
    const next = queue.add('d');
    ends[1]?.reject(failure('ECONNRESET'));
    await Promise.all([first, ...lost]);
    await started(3);
    ends[2]?.resolve();
    expect(await next).toBe('d done');
    expect(runs).toEqual([['a'], ['b', 'c'], ['d']]);
  });
});
