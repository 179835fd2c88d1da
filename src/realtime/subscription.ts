/** Where a subscription's values come from. */
export interface Source<T> {
  /** The next value, when it is at hand. */
  take(): T | undefined;
  /** Whether what is next is no longer at hand, and to be fetched; otherwise a wake-up will come. */
  lags(): boolean;
  fetch(signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * What one subscriber reads from: a place in its source, no queue. Not a generator, because `return` of one that waits in
 * `next` is only heard when the wait is over.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: Source<T>;
  #open = true;
  /** Only while it fetches: thousands who wait need not carry one. */
  #fetching: AbortController | undefined;
  #waiting: (() => void) | undefined;

  constructor(source: Source<T>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#open) {
      const value = this.#source.take();
      if (value !== undefined) return { done: false, value };
      if (this.#source.lags()) {
        await this.#fetch();
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
    if (this.#open) {
      this.#open = false;
      this.#fetching?.abort();
      this.#source.close();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  async #fetch(): Promise<void> {
    this.#fetching = new AbortController();
    try {
      await this.#source.fetch(this.#fetching.signal);
    } catch (error) {
      if (!this.#open) return;
      await this.return();
      throw error;
    } finally {
      this.#fetching = undefined;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
