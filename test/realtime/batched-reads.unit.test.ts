import { describe, expect, it } from 'vitest';
import { BatchedReads } from '../../src/realtime/batched-reads.ts';
import { waitFor } from '../support/wait-for.ts';

interface Value {
  readonly key: string;
}

/** Reads that wait until the test answers them, oldest first. */
function openReads(options: { maxBatch?: number } = {}) {
  const batches: string[][] = [];
  const answers: PromiseWithResolvers<ReadonlyMap<string, Value>>[] = [];
  const stopping = new AbortController();
  const reads = new BatchedReads<string, Value>({
    keyOf: (key) => key,
    readMany: (keys) => {
      batches.push([...keys]);
      const answer = Promise.withResolvers<ReadonlyMap<string, Value>>();
      answers.push(answer);
      return answer.promise;
    },
    maxBatch: options.maxBatch ?? 100,
    signal: stopping.signal,
  });
  const started = (count: number) => waitFor(() => batches.length === count);
  const answer = (index: number) =>
    answers[index]?.resolve(new Map(batches[index]?.map((key) => [key, { key }])));
  return { reads, batches, answers, stopping, started, answer };
}

const unavailable = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('I8 BatchedReads', () => {
  it('reads the keys of one turn of the event loop together', async () => {
    const { reads, batches, started, answer } = openReads();
    const values = Promise.all([reads.read('a'), reads.read('b')]);
    await started(1);
    answer(0);
    expect(await values).toEqual([{ key: 'a' }, { key: 'b' }]);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('gives all callers of a key the same object', async () => {
    const { reads, batches, started, answer } = openReads();
    const values = Promise.all([reads.read('a'), reads.read('a')]);
    await started(1);
    answer(0);
    const [first, second] = await values;
    expect(second).toBe(first);
    expect(batches).toEqual([['a']]);
  });

  it('collects the keys that arrive during a read for the next one', async () => {
    const { reads, batches, started, answer } = openReads();
    const first = reads.read('a');
    await started(1);
    const later = Promise.all([reads.read('b'), reads.read('c')]);
    answer(0);
    await first;
    await started(2);
    answer(1);
    await later;
    expect(batches).toEqual([['a'], ['b', 'c']]);
  });

  it('reads a key again that is asked for during its own read', async () => {
    const { reads, batches, started, answer } = openReads();
    const before = reads.read('a');
    await started(1);
    const after = reads.read('a');
    answer(0);
    await started(2);
    answer(1);
    expect(await after).not.toBe(await before);
    expect(batches).toEqual([['a'], ['a']]);
  });

  it('reads at most maxBatch keys at once', async () => {
    const { reads, batches, started, answer } = openReads({ maxBatch: 2 });
    const values = Promise.all(['a', 'b', 'c'].map((key) => reads.read(key)));
    await started(1);
    answer(0);
    await started(2);
    answer(1);
    await values;
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('resolves to undefined for a key without a value', async () => {
    const { reads, answers, started } = openReads();
    const value = reads.read('a');
    await started(1);
    answers[0]?.resolve(new Map());
    expect(await value).toBeUndefined();
  });

  it('repeats a read while the database is unavailable', async () => {
    const { reads, batches, answers, started, answer } = openReads();
    const value = reads.read('a');
    await started(1);
    answers[0]?.reject(unavailable());
    await started(2);
    answer(1);
    expect(await value).toEqual({ key: 'a' });
    expect(batches).toEqual([['a'], ['a']]);
  });

  it('rejects the keys of a failed batch and reads the next one', async () => {
    const { reads, answers, started, answer } = openReads();
    const failed = Promise.allSettled([reads.read('a'), reads.read('b')]);
    await started(1);
    const later = reads.read('a');
    const reason = new Error('syntax error');
    answers[0]?.reject(reason);
    expect(await failed).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await started(2);
    answer(1);
    expect(await later).toEqual({ key: 'a' });
  });

  it('rejects pending reads with the reason of its signal', async () => {
    const { reads, batches, answers, stopping, started } = openReads();
    const running = reads.read('a');
    await started(1);
    const waiting = reads.read('b');
    const settled = Promise.allSettled([running, waiting]);
    const reason = new Error('stopping');
    stopping.abort(reason);
    answers[0]?.reject(unavailable());
    expect(await settled).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    expect(batches).toEqual([['a']]);
  });
});
