import type { TypedDocumentNode } from '@urql/core';
import { type DocumentNode, print } from 'graphql';
import type { Connection } from './connection.ts';
import { fromGraphqlError } from './errors.ts';
import type { SubscriptionResult } from './resumption.ts';

export interface WatchOptions<Data, Variables extends Record<string, unknown>, T> {
  readonly connection: Connection;
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  /** Takes the value out of a message. */
  readonly select: (data: Data) => T;
  /** Ends the watch when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Iterates over the values of a subscription. Values that arrive before they are asked for wait in a queue without limit.
 * Not urql's own stream: that is shared by all subscribers of the same operation.
 */
export class Watch<Data, Variables extends Record<string, unknown>, T>
  implements AsyncIterableIterator<T, undefined>
{
  readonly #options: WatchOptions<Data, Variables, T>;
  readonly #queue: T[] = [];
  readonly #unsubscribe: () => void;
  #waiting: (() => void)[] = [];
  #ended = false;
  /** Thrown once, after the queue is empty. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: WatchOptions<Data, Variables, T>) {
    this.#options = options;
    const { connection, document, variables, signal } = options;
    this.#unsubscribe = connection.subscribe(
      { query: print(document as DocumentNode), variables },
      {
        next: (result) => this.#onResult(result),
        error: (error) => this.#fail(toError(error)),
        complete: () => this.#end(),
      },
    );
    if (signal?.aborted) this.#close();
    else if (!this.#ended) signal?.addEventListener('abort', this.#close, { once: true });
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
    this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #onResult(result: SubscriptionResult): void {
    const [error] = result.errors ?? [];
    if (error) {
      this.#fail(fromGraphqlError(error));
      this.#unsubscribe();
    } else {
      this.#queue.push(this.#options.select(result.data as Data));
      this.#wake();
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure = { error };
    this.#end();
  }

  readonly #close = (): void => {
    this.#end();
    this.#unsubscribe();
  };

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#close);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** graphql-ws reports a list of GraphQL errors, the close event of a socket that it does not open again, or an error. */
function toError(error: unknown): unknown {
  if (Array.isArray(error) && error[0]) return fromGraphqlError(error[0]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return typeof code === 'number' ? new Error(`The socket was closed: ${code} ${reason}`.trim()) : error;
}
