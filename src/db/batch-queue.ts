import { setImmediate as nextTurn } from 'node:timers/promises';
import { causesOf, codeOf } from './connection-error.ts';

/**
 * PostgreSQL's classes of errors that one item of a statement can cause for all: its data, a constraint, a deadlock, or a limit.
 * The statement has written nothing then. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const causedByOneItem = /^(22|23|40|54|P0)/;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly signal: AbortSignal | undefined;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export interface BatchQueueOptions<Item, Result> {
  /** Most items of one run. */
  readonly max: number;
  /** Returns a result for each item, in their order. Rejects only when it has written nothing, or cannot know. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Called with the number of items of each run. */
  readonly onRun?: ((count: number) => void) | undefined;
}

/**
 * Runs one statement at a time. What arrives meanwhile goes together in the next one, in order of arrival, so that many share
 * one commit; an item that comes alone is run at once. No run waits for company longer than the turn of the event loop in which
 * the one before it ended.
 */
export class BatchQueue<Item, Result> {
  readonly #options: BatchQueueOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #running = false;

  constructor(options: BatchQueueOptions<Item, Result>) {
    this.#options = options;
  }

  /**
   * Runs the item with those that wait. Rejects with what made its own run fail, or the run that it was a part of; and with the
   * signal's reason when that aborts before the item's run has begun: then the item is left out.
   */
  add(item: Item, signal?: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, signal, resolve, reject });
      if (!this.#running) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#options.max);
      await this.#runBatch(batch.filter(isWanted));
      // What follows from this run's results, often at once, goes with what waits already.
      if (this.#waiting.length > 0) await nextTurn();
    }
    this.#running = false;
  }

  async #runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    this.#options.onRun?.(batch.length);
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length > 1 && causesOf(error).some((cause) => causedByOneItem.test(codeOf(cause)))) {
        for (const each of batch) await this.#runBatch([each]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}

function isWanted({ signal, reject }: Waiting<unknown, unknown>): boolean {
  if (signal?.aborted) reject(signal.reason);
  return !signal?.aborted;
}
