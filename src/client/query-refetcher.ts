import { type Exchange, makeOperation, type Operation } from '@urql/core';
import { filter, makeSubject, merge, pipe, type Source, share, tap } from 'wonka';

/**
 * Repeats the active queries of an urql client. `tasksUpdated` has no revision to resume from, so changes that it may have
 * missed are found by asking again.
 */
export class QueryRefetcher {
  readonly #active = new Map<number, Operation>();
  readonly #repeated = makeSubject<Operation>();

  /** Records which queries are active. Must come after the cache, which otherwise answers the repeated ones. */
  readonly exchange: Exchange =
    ({ forward }) =>
    (operations: Source<Operation>) => {
      const recorded = pipe(
        operations,
        tap((operation) => {
          if (operation.kind === 'query') this.#active.set(operation.key, operation);
          else if (operation.kind === 'teardown') this.#active.delete(operation.key);
        }),
        share,
      );
      const repeated = pipe(
        this.#repeated.source,
        filter((operation) => this.#active.has(operation.key)),
      );
      return forward(merge([recorded, repeated]));
    };

  readonly refetch = (): void => {
    for (const operation of this.#active.values()) {
      const context = { ...operation.context, requestPolicy: 'network-only' } as const;
      this.#repeated.next(makeOperation('query', operation, context));
    }
  };
}
