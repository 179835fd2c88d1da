import { retryWhileUnavailable } from '../db/retry.ts';

export interface BatchedReadsOptions<Key, Value> {
  /** What makes two keys the same. */
  readonly keyOf: (key: Key) => string;
  /** The values by their keys' names; what has none is left out. */
  readonly readMany: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>;
  /** Keys in one read. */
  readonly maxBatch: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

interface PendingRead<Key, Value> extends PromiseWithResolvers<Value | undefined> {
  readonly key: Key;
}

/**
 * Reads that many ask for at the same time. While one is under way the next ones gather and go out together, and all who
 * want the same get the same object. Each begins after it was asked for, and waits for as long as the database is away.
 */
export class BatchedReads<Key, Value> {
  readonly #options: BatchedReadsOptions<Key, Value>;
  readonly #pending = new Map<string, PendingRead<Key, Value>>();
  #reading = false;

  constructor(options: BatchedReadsOptions<Key, Value>) {
    this.#options = options;
  }

  /** Undefined: there is none. */
  read(key: Key): Promise<Value | undefined> {
    const name = this.#options.keyOf(key);
    let wanted = this.#pending.get(name);
    if (!wanted) {
      wanted = { key, ...Promise.withResolvers<Value | undefined>() };
      this.#pending.set(name, wanted);
    }
    if (!this.#reading) void this.#readAll();
    return wanted.promise;
  }

  async #readAll(): Promise<void> {
    const { readMany, maxBatch, signal } = this.#options;
    this.#reading = true;
    // Those who ask in the same turn go out together too.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, maxBatch);
      for (const [name] of batch) this.#pending.delete(name);
      try {
        const values = await retryWhileUnavailable(() => readMany(batch.map(([, { key }]) => key)), signal);
        for (const [name, { resolve }] of batch) resolve(values.get(name));
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
    }
    this.#reading = false;
  }
}
