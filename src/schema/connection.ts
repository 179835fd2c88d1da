import type { ObjectRef } from '@pothos/core';
import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import { builder } from './builder.ts';

const PageInfo = builder.objectRef<Page<unknown>['pageInfo']>('PageInfo');

PageInfo.implement({
  description: 'Where a page lies in its list (Relay).',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Whether there is more behind the page.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether there is more before the page.',
    }),
    startCursor: t.exposeString('startCursor', {
      nullable: true,
      description: 'For `before`; null when empty.',
    }),
    endCursor: t.exposeString('endCursor', { nullable: true, description: 'For `after`; null when empty.' }),
  }),
});

type Ref<T> = ObjectRef<typeof builder.$inferSchemaTypes, T>;

/** A Relay connection of objects of this type. https://relay.dev/graphql/connections.htm */
export function connectionOf<T extends object>(name: string, node: Ref<T>) {
  const Edge = builder.objectRef<Page<T>['edges'][number]>(`${name}Edge`);
  Edge.implement({
    description: `A ${name} in a list.`,
    fields: (t) => ({
      cursor: t.exposeString('cursor', { description: 'Where it lies: for `after` and `before`.' }),
      node: t.field({ type: node, description: 'The object itself.', resolve: (edge) => edge.node as never }),
    }),
  });
  const Connection = builder.objectRef<Page<T>>(`${name}Connection`);
  Connection.implement({
    description: `A page of a list of ${name}s.`,
    fields: (t) => ({
      edges: t.field({
        type: [Edge],
        description: 'The objects, each with its cursor.',
        complexity: { multiplier: 1 },
        resolve: (page) => page.edges as never,
      }),
      nodes: t.field({
        type: [node],
        description: 'The objects.',
        complexity: { multiplier: 1 },
        resolve: (page) => page.nodes as never,
      }),
      pageInfo: t.field({
        type: PageInfo,
        description: 'Where the page lies in the list.',
        resolve: (page) => page.pageInfo,
      }),
    }),
  });
  return Connection;
}

/** Relay's arguments. */
export const pageArgs = builder.args((t) => ({
  first: t.int({ description: 'So many from the start of the list: 1 to 100, 50 by default.' }),
  after: t.string({ description: 'Only what comes after this cursor.' }),
  last: t.int({ description: 'So many from the end of the list: 1 to 100.' }),
  before: t.string({ description: 'Only what comes before this cursor.' }),
}));

/** What a field with a page of objects costs: as much as the page may hold. */
export const connectionCost = {
  complexity: ({ first, last }: PageArguments) => ({
    field: 1,
    multiplier: Math.min(Math.max(first ?? last ?? 50, 1), 100),
  }),
};
