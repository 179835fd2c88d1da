import { persist } from '../db/persist.ts';

export interface GatheredReadsOptions<Key, Value> {
  /** What makes two keys the same. */
  readonly nameOf: (key: Key) => string;
  /** The values by their keys' names; what has none is left out. */
  readonly readMany: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>;
  /** Keys in one read. */
  readonly atOnce: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

interface Wanted<Key, Value> extends PromiseWithResolvers<Value | undefined> {
  readonly key: Key;
}

/**
 * Reads that many ask for at the same time. While one is under way the next ones gather and go out together, and all who
 * want the same get the same object. Each begins after it was asked for, and waits for as long as the database is away.
 */
export class GatheredReads<Key, Value> {
  readonly #options: GatheredReadsOptions<Key, Value>;
  readonly #wanted = new Map<string, Wanted<Key, Value>>();
  #reading = false;

  constructor(options: GatheredReadsOptions<Key, Value>) {
    this.#options = options;
  }

  /** Undefined: there is none. */
  read(key: Key): Promise<Value | undefined> {
    const name = this.#options.nameOf(key);
    let wanted = this.#wanted.get(name);
    if (!wanted) {
      wanted = { key, ...Promise.withResolvers<Value | undefined>() };
      this.#wanted.set(name, wanted);
    }
    if (!this.#reading) void this.#readAll();
    return wanted.promise;
  }

  async #readAll(): Promise<void> {
    const { readMany, atOnce, signal } = this.#options;
    this.#reading = true;
    // Those who ask in the same turn go out together too.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      const batch = [...this.#wanted].slice(0, atOnce);
      for (const [name] of batch) this.#wanted.delete(name);
      try {
        const values = await persist(() => readMany(batch.map(([, { key }]) => key)), signal);
        for (const [name, { resolve }] of batch) resolve(values.get(name));
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
    }
    this.#reading = false;
  }
}
