/** Where the values of one subscriber come from, together with that subscriber's position. */
export interface Source<T> {
  /** Returns the next value and moves the position behind it. Undefined when that value is not in memory. */
  takeNext(): T | undefined;
  /** Whether the next value exists but is no longer in memory. False when it does not exist yet. */
  isBehind(): boolean;
  /** Fetches the next values, so that `takeNext` returns them. When it rejects, the subscription ends with that error. */
  catchUp(): Promise<void>;
  /** Called once, when the subscription ends. */
  close(): void;
}

/**
 * One subscriber's iterator: a position in a shared source, not a queue, so a slow subscriber costs no memory. It supports
 * one `next()` at a time. Hand-written, because a generator's `return()` waits behind a pending `next()`; here it ends it.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: Source<T>;
  #open = true;
  /** Resolves the pending `next()` that waits for `wake`. */
  #waiting: (() => void) | undefined;
  /** Ends the pending `next()` that waits for a fetch. Set only meanwhile: most subscribers never fetch. */
  #abandonFetch: (() => void) | undefined;

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

  /** The source calls this when there may be a value to take. */
  wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (this.#open) {
      this.#open = false;
      this.#source.close();
      this.#abandonFetch?.();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  /** Fetches are shared: a subscriber that leaves neither cancels nor awaits one. */
  async #fetch(): Promise<void> {
    const abandoned = Promise.withResolvers<void>();
    this.#abandonFetch = abandoned.resolve;
    try {
      await Promise.race([this.#source.catchUp(), abandoned.promise]);
    } catch (error) {
      if (!this.#open) return;
      await this.return();
      throw error;
    } finally {
      this.#abandonFetch = undefined;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
