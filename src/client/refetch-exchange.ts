import { type Exchange, makeOperation, type Operation } from '@urql/core';
import { filter, makeSubject, merge, pipe, type Source, share, tap } from 'wonka';

/**
 * Asks the active queries again when `refetch` is called. A list that is watched over `tasksUpdated` has no revision to
 * resume from, so what changed while the socket was away is asked for.
 */
export function refetchExchange(): { exchange: Exchange; refetch: () => void } {
  const again = makeSubject<Operation>();
  const active = new Map<number, Operation>();
  const exchange: Exchange =
    ({ forward }) =>
    (operations: Source<Operation>) => {
      const noted = pipe(
        operations,
        tap((operation) => {
          if (operation.kind === 'query') active.set(operation.key, operation);
          else if (operation.kind === 'teardown') active.delete(operation.key);
        }),
        share,
      );
      const repeated = pipe(
        again.source,
        filter((operation) => active.has(operation.key)),
      );
      return forward(merge([noted, repeated]));
    };
  const refetch = () => {
    for (const operation of active.values()) {
      again.next(makeOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }));
    }
  };
  return { exchange, refetch };
}
