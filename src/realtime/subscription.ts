/** Where a subscription's values come from. */
export interface Source<T> {
  /** The next value, when it is at hand. */
  take(): T | undefined;
  /** Fetches what is next and no longer at hand; undefined: there is nothing to fetch, a wake-up will come. */
  fetch(signal: AbortSignal): Promise<void> | undefined;
  close(): void;
}

/**
 * What one subscriber reads from: a place in its source, no queue. Not a generator, because `return` of one that waits in
 * `next` is only heard when the wait is over.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: Source<T>;
  readonly #closed = new AbortController();
  #waiting: (() => void) | undefined;

  constructor(source: Source<T>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (!this.#closed.signal.aborted) {
      const value = this.#source.take();
      if (value !== undefined) return { done: false, value };
      const fetched = this.#source.fetch(this.#closed.signal);
      if (fetched) {
        try {
          await fetched;
        } catch (error) {
          if (this.#closed.signal.aborted) break;
          await this.return();
          throw error;
        }
      } else {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
      }
    }
    return { done: true, value: undefined };
  }

  /** There may be something to take. */
  wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort();
      this.#source.close();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
