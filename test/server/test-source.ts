/** A source of a subscription like those of src/realtime: `return()` closes it at once, even while `next()` is pending. */
export class TestSource<Value> implements AsyncIterableIterator<Value> {
  readonly closed = Promise.withResolvers<void>();
  readonly #values: Value[] = [];
  #pending: PromiseWithResolvers<IteratorResult<Value>> | undefined;
  #error: unknown;
  #over = false;
  /** How many values the server has taken. */
  taken = 0;

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(value: Value): void {
    this.#values.push(value);
    this.#settle();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#settle();
  }

  end(): void {
    this.#over = true;
    this.#settle();
  }

  next(): Promise<IteratorResult<Value>> {
    this.#pending = Promise.withResolvers();
    const { promise } = this.#pending;
    this.#settle();
    return promise;
  }

  async return(): Promise<IteratorResult<Value>> {
    this.#values.length = 0;
    this.end();
    this.closed.resolve();
    return { done: true, value: undefined };
  }

  #settle(): void {
    const pending = this.#pending;
    if (!pending) return;
    if (this.#values.length > 0) {
      this.taken += 1;
      pending.resolve({ done: false, value: this.#values.shift() as Value });
    } else if (this.#error !== undefined) pending.reject(this.#error);
    else if (this.#over) pending.resolve({ done: true, value: undefined });
    else return;
    this.#pending = undefined;
  }
}
