import { retryWhileUnavailable } from '../db/retry.ts';

export interface BatchedReadsOptions<Key, Value> {
  /** Two keys with the same name ask for the same value. */
  readonly keyOf: (key: Key) => string;
  /** Returns values by the names of their keys. A key without a value is left out. */
  readonly readMany: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>;
  /** The most keys in one read. */
  readonly maxBatch: number;
  /** When it aborts, all pending reads reject with its reason. */
  readonly signal: AbortSignal;
}

interface PendingRead<Key, Value> extends PromiseWithResolvers<Value | undefined> {
  readonly key: Key;
}

/**
 * Joins the reads of concurrent callers. One read runs at a time; keys that arrive meanwhile go out together in the next
 * one, and callers with the same key get the same object. A read always starts after its key was asked for, so it sees
 * everything that was committed before the call. It is retried for as long as the database is unavailable.
 */
export class BatchedReads<Key, Value> {
  readonly #options: BatchedReadsOptions<Key, Value>;
  readonly #pending = new Map<string, PendingRead<Key, Value>>();
  #reading = false;

  constructor(options: BatchedReadsOptions<Key, Value>) {
    this.#options = options;
  }

  /** Resolves to undefined for a key without a value. Rejects with the error of `readMany`, as do all keys of that batch. */
  read(key: Key): Promise<Value | undefined> {
    const name = this.#options.keyOf(key);
    let pending = this.#pending.get(name);
    if (!pending) {
      pending = { key, ...Promise.withResolvers<Value | undefined>() };
      this.#pending.set(name, pending);
    }
    if (!this.#reading) void this.#readPending();
    return pending.promise;
  }

  async #readPending(): Promise<void> {
    const { readMany, maxBatch, signal } = this.#options;
    this.#reading = true;
    // Keys that are asked for in the same turn of the event loop join the first batch.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, maxBatch);
      for (const [name] of batch) this.#pending.delete(name);
      const keys = batch.map(([, { key }]) => key);
      try {
        const values = await retryWhileUnavailable(() => readMany(keys), signal);
        for (const [name, { resolve }] of batch) resolve(values.get(name));
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
    }
    this.#reading = false;
  }
}
