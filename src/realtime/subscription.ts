/** Where a subscription's values come from. */
export interface Source<T> {
  /** The next value, when it is at hand. */
  takeNext(): T | undefined;
  /** Whether what is next is no longer at hand, and to be fetched; otherwise a wake-up will come. */
  isBehind(): boolean;
  catchUp(): Promise<void>;
  close(): void;
}

/**
 * What one subscriber reads from: a place in its source, no queue. Not a generator, because `return` of one that waits in
 * `next` is only heard when the wait is over.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: Source<T>;
  #open = true;
  #waiting: (() => void) | undefined;
  /** Only while it fetches: thousands who wait need not carry one. */
  #leave: (() => void) | undefined;

  constructor(source: Source<T>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#open) {
      const value = this.#source.takeNext();
      if (value !== undefined) return { done: false, value };
      if (this.#source.isBehind()) {
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
      this.#source.close();
      this.#leave?.();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  /** Others may want what is fetched: who leaves does not end it, and does not wait for it. */
  async #fetch(): Promise<void> {
    const left = Promise.withResolvers<void>();
    this.#leave = left.resolve;
    try {
      await Promise.race([this.#source.catchUp(), left.promise]);
    } catch (error) {
      if (!this.#open) return;
      await this.return();
      throw error;
    } finally {
      this.#leave = undefined;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
