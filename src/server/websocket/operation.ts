/**
 * One operation of a WebSocket, as graphql-ws' server takes it: an async iterable. It yields nothing, as it sends its own
 * messages (so that many can share one text); graphql-ws learns only of its end, sends `complete` or `error`, and returns
 * it when the client leaves. There is no generator in it: a generator's `return()` waits for what its `next()` waits for.
 */
export class Operation implements AsyncIterableIterator<never> {
  readonly #ended = Promise.withResolvers<IteratorResult<never>>();
  readonly #run: (operation: Operation) => Promise<void>;
  #source: AsyncIterator<unknown> | undefined;
  #started = false;
  /** False as soon as nobody wants more of it. */
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

  /** Never waits: the operation is over, whatever its source or a resolver is still busy with. */
  return(): Promise<IteratorResult<never>> {
    this.#close();
    this.#ended.resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Hands over what is to be closed with the operation; closes it at once if that is over already. */
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
    // Nobody is left to hear how it went.
    const close = async () => source?.return?.();
    close().catch(() => undefined);
  }
}
