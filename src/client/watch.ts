import type { TypedDocumentNode } from '@urql/core';
import { type DocumentNode, print } from 'graphql';
import type { Connection } from './connection.ts';
import { fromGraphqlError } from './errors.ts';
import { WatchIterator } from './watch-iterator.ts';

export interface SubscriptionOptions<Data, Variables extends Record<string, unknown>> {
  readonly connection: Connection;
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  readonly onData: (data: Data) => void;
  /** Terminal: a GroundcrewError, or what has happened to the socket. */
  readonly onError: (error: unknown) => void;
  /** Terminal. */
  readonly onComplete: () => void;
}

/**
 * Subscribes without urql, whose streams are shared by all subscribers of the same operation. Returns the function that ends
 * that without a further call.
 */
export function subscribe<Data, Variables extends Record<string, unknown>>(
  options: SubscriptionOptions<Data, Variables>,
): () => void {
  const { connection, document, variables, onData, onError, onComplete } = options;
  const unsubscribe = connection.subscribe(
    { query: print(document as DocumentNode), variables },
    {
      next: (result) => {
        const [error] = result.errors ?? [];
        if (!error) return onData(result.data as Data);
        unsubscribe();
        onError(fromGraphqlError(error));
      },
      error: (error) => onError(toError(error)),
      complete: onComplete,
    },
  );
  return unsubscribe;
}

export interface WatchOptions<Data, Variables extends Record<string, unknown>, T> {
  readonly connection: Connection;
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  /** Takes the value out of a message. */
  readonly select: (data: Data) => T;
  /** Ends the watch when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/** Iterates over the values of a subscription. Values that arrive before they are asked for wait in a queue without limit. */
export function watch<Data, Variables extends Record<string, unknown>, T>(
  options: WatchOptions<Data, Variables, T>,
): WatchIterator<T> {
  const { connection, document, variables, select, signal } = options;
  let unsubscribe = () => {};
  const values = new WatchIterator<T>({ signal, newestOnly: false, onLeave: () => unsubscribe() });
  if (values.ended) return values;
  unsubscribe = subscribe({
    connection,
    document,
    variables,
    onData: (data) => values.push(select(data)),
    onError: (error) => values.fail(error),
    onComplete: () => values.end(),
  });
  return values;
}

/** graphql-ws reports a list of GraphQL errors, the close event of a socket that it does not open again, or an error. */
function toError(error: unknown): unknown {
  if (Array.isArray(error) && error[0]) return fromGraphqlError(error[0]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return typeof code === 'number' ? new Error(`The socket was closed: ${code} ${reason}`.trim()) : error;
}
