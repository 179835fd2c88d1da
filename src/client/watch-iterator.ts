export interface WatchIteratorOptions {
  /** Ends the iterator when it aborts, without an error. */
  readonly signal: AbortSignal | undefined;
  /** Whether only the newest of the values that wait is of interest. Otherwise they wait in a queue without limit. */
  readonly newestOnly: boolean;
  /** Called once, when the reader leaves or the signal aborts. */
  readonly onLeave: () => void;
}

/** The values of a watch: pushed on one side, read on the other. */
export class WatchIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: WatchIteratorOptions;
  readonly #queue: T[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;
  /** Thrown once, after the queue is empty. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: WatchIteratorOptions) {
    this.#options = options;
    const { signal } = options;
    if (signal?.aborted) this.#ended = true;
    else signal?.addEventListener('abort', this.#leave, { once: true });
  }

  /** No value is read any more that was not pushed before. */
  get ended(): boolean {
    return this.#ended;
  }

  push(value: T): void {
    if (this.#ended) return;
    if (this.#options.newestOnly) this.#queue.length = 0;
    this.#queue.push(value);
    this.#wake();
  }

  /** Ends the iterator with an error, which is thrown after the values that wait. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure = { error };
    this.end();
  }

  /** Ends the iterator after the values that wait. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#leave);
    this.#wake();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      if (this.#queue.length > 0) return { done: false, value: this.#queue.shift() as T };
      if (this.#failure) {
        const { error } = this.#failure;
        this.#failure = undefined;
        throw error;
      }
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#queue.length = 0;
    this.#leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #leave = (): void => {
    this.end();
    this.#options.onLeave();
  };

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
