import type { TypedDocumentNode } from '@urql/core';
import { type DocumentNode, print } from 'graphql';
import type { Connection } from './connection.ts';
import { fromGraphqlError } from './errors.ts';

/**
 * The messages of a subscription, one after the other. Beside urql's own stream, because that is shared by all who ask for
 * the same, and who comes second would not get what came before.
 */
export function watch<Data, Variables extends Record<string, unknown>, T>(
  connection: Connection,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => T,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<T, undefined> {
  const queue: T[] = [];
  let waiting: (() => void) | undefined;
  let ended = false;
  let failure: unknown;

  const wake = () => {
    waiting?.();
    waiting = undefined;
  };
  const end = (error?: unknown) => {
    if (ended) return;
    ended = true;
    failure = error;
    signal?.removeEventListener('abort', close);
    wake();
  };
  const request = { query: print(document as DocumentNode), variables };
  const unsubscribe = connection.subscribe(request, {
    next(result) {
      const [error] = result.errors ?? [];
      if (error) {
        end(fromGraphqlError(error));
        unsubscribe();
      } else {
        queue.push(pick(result.data as Data));
        wake();
      }
    },
    error: (error) => end(toError(error)),
    complete: () => end(),
  });
  function close(): void {
    end();
    unsubscribe();
  }
  if (signal?.aborted) close();
  else signal?.addEventListener('abort', close, { once: true });

  return {
    async next() {
      for (;;) {
        if (queue.length > 0) return { done: false, value: queue.shift() as T };
        if (failure !== undefined) {
          const error = failure;
          failure = undefined;
          throw error;
        }
        if (ended) return { done: true, value: undefined };
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
    },
    async return() {
      queue.length = 0;
      close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** graphql-ws ends with a list of GraphQL errors, with the event of a socket that it won't open again, or with an error. */
function toError(error: unknown): unknown {
  if (Array.isArray(error) && error[0]) return fromGraphqlError(error[0]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return typeof code === 'number' ? new Error(`the socket was closed: ${code} ${reason}`) : error;
}
