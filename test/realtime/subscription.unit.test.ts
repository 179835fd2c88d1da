import { describe, expect, it, vi } from 'vitest';
import { type Source, Subscription } from '../../src/realtime/subscription.ts';

/** A source of numbers: `backlog` is in memory, `stored` comes before it and must be fetched. */
function openSource(options: { stored?: number[]; backlog?: number[] } = {}) {
  const stored = options.stored ?? [];
  const backlog = options.backlog ?? [];
  const fetched: number[] = [];
  const source = {
    takeNext: () => fetched.shift() ?? (stored.length === 0 ? backlog.shift() : undefined),
    isBehind: () => stored.length > 0,
    catchUp: vi.fn(async () => {
      fetched.push(...stored.splice(0));
    }),
    close: vi.fn(),
  } satisfies Source<number>;
  return { backlog, source, subscription: new Subscription<number>(source) };
}

const done = { done: true, value: undefined };

describe('Subscription', () => {
  it('returns values that are in memory without a fetch', async () => {
    const { source, subscription } = openSource({ backlog: [1, 2] });
    expect(await subscription.next()).toEqual({ done: false, value: 1 });
    expect(await subscription.next()).toEqual({ done: false, value: 2 });
    expect(source.catchUp).not.toHaveBeenCalled();
  });

  it('fetches once when it is behind, and continues with values in memory', async () => {
    const { source, subscription } = openSource({ stored: [1, 2], backlog: [3] });
    for (const value of [1, 2, 3]) expect(await subscription.next()).toEqual({ done: false, value });
    expect(source.catchUp).toHaveBeenCalledOnce();
  });

  it('waits for wake when the next value does not exist yet', async () => {
    const { backlog, subscription } = openSource();
    const next = subscription.next();
    subscription.wake();
    backlog.push(1);
    subscription.wake();
    expect(await next).toEqual({ done: false, value: 1 });
  });

  it('ends a next that waits for wake when it is closed', async () => {
    const { subscription } = openSource();
    const next = subscription.next();
    expect(await subscription.return()).toEqual(done);
    expect(await next).toEqual(done);
    expect(await subscription.next()).toEqual(done);
  });

  it('ends a next that waits for a fetch when it is closed', async () => {
    const { source, subscription } = openSource({ stored: [1] });
    source.catchUp.mockReturnValue(new Promise(() => {}));
    const next = subscription.next();
    await subscription.return();
    expect(await next).toEqual(done);
  });

  it('ignores the failure of a fetch that it no longer waits for', async () => {
    const { source, subscription } = openSource({ stored: [1] });
    const fetch = Promise.withResolvers<void>();
    source.catchUp.mockReturnValue(fetch.promise);
    const next = subscription.next();
    await subscription.return();
    fetch.reject(new Error('the database is gone'));
    expect(await next).toEqual(done);
  });

  it('ends with the error of a failed fetch and closes its source', async () => {
    const { source, subscription } = openSource({ stored: [1] });
    source.catchUp.mockRejectedValue(new Error('the database is gone'));
    await expect(subscription.next()).rejects.toThrow('the database is gone');
    expect(await subscription.next()).toEqual(done);
    expect(source.close).toHaveBeenCalledOnce();
  });

  it('closes its source once, however often it is closed', async () => {
    const { source, subscription } = openSource();
    await subscription.return();
    await subscription.return();
    await subscription[Symbol.asyncDispose]();
    expect(source.close).toHaveBeenCalledOnce();
  });

  it('closes its source when a loop over it breaks', async () => {
    const { source, subscription } = openSource({ backlog: [1, 2] });
    for await (const value of subscription) if (value === 1) break;
    expect(source.close).toHaveBeenCalledOnce();
  });
});
