/**
 * One operation of a WebSocket, in the form that graphql-ws' server takes: an async iterable. It yields nothing, because it
 * sends its own messages (so that many subscribers can share one text). graphql-ws only learns of its end, for which it sends
 * `complete` or `error`, and calls `return()` when the client leaves.
 *
 * States: created → running (first `next()`) → closed (run to the end, failed, or returned). Not a generator: the `return()` of
 * a generator queues behind a pending `next()`.
 */
export class Operation implements AsyncIterableIterator<never> {
  readonly #ended = Promise.withResolvers<IteratorResult<never>>();
  readonly #run: (operation: Operation) => Promise<void>;
  #source: AsyncIterator<unknown> | undefined;
  #started = false;
  /** False once the operation has ended or the client has left: send nothing more. */
  open = true;

  constructor(run: (operation: Operation) => Promise<void>) {
    this.#run = run;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<never>> {
    if (!this.#started) {
      this.#started = true;
      this.#run(this).then(() => this.return(), this.#fail);
    }
    return this.#ended.promise;
  }

  /** Resolves at once, even while the source or a resolver is busy. */
  return(): Promise<IteratorResult<never>> {
    this.#close();
    this.#ended.resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The source is closed together with the operation: at once when the operation is closed already. */
  attachSource(source: AsyncIterator<unknown>): void {
    this.#source = source;
    if (!this.open) this.#closeSource();
  }

  readonly #fail = (error: unknown): void => {
    this.#close();
    this.#ended.reject(error);
  };

  #close(): void {
    if (!this.open) return;
    this.open = false;
    this.#closeSource();
  }

  #closeSource(): void {
    const source = this.#source;
    this.#source = undefined;
    // The operation is over, so a failure to close its source has no receiver.
    const close = async () => source?.return?.();
    close().catch(() => undefined);
  }
}
