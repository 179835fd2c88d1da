import type { ObjectRef } from '@pothos/core';
import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import { builder } from './builder.ts';

const PageInfo = builder.objectRef<Page<unknown>['pageInfo']>('PageInfo');

PageInfo.implement({
  description: 'The position of a page in its list, as in Relay.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', {
      description: 'Whether the list continues after this page.',
    }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether the list has items before this page.',
    }),
    startCursor: t.exposeString('startCursor', {
      nullable: true,
      description: 'The cursor of the first item, for `before`. Null on an empty page.',
    }),
    endCursor: t.exposeString('endCursor', {
      nullable: true,
      description: 'The cursor of the last item, for `after`. Null on an empty page.',
    }),
  }),
});

type Ref<T> = ObjectRef<typeof builder.$inferSchemaTypes, T>;

/** A connection of this type, as in Relay: https://relay.dev/graphql/connections.htm */
export function connectionOf<T extends object>(name: string, node: Ref<T>) {
  const Edge = builder.objectRef<Page<T>['edges'][number]>(`${name}Edge`);
  Edge.implement({
    description: `An item of a list of type ${name}.`,
    fields: (t) => ({
      cursor: t.exposeString('cursor', {
        description: 'The position in the list, for `after` and `before`.',
      }),
      node: t.field({ type: node, description: 'The item itself.', resolve: (edge) => edge.node as never }),
    }),
  });
  const Connection = builder.objectRef<Page<T>>(`${name}Connection`);
  Connection.implement({
    description: `A page of a list of type ${name}.`,
    fields: (t) => ({
      edges: t.field({
        type: [Edge],
        description: 'The items, each with its cursor.',
        complexity: { multiplier: 1 },
        resolve: (page) => page.edges as never,
      }),
      nodes: t.field({
        type: [node],
        description: 'The items.',
        complexity: { multiplier: 1 },
        resolve: (page) => page.nodes as never,
      }),
      pageInfo: t.field({
        type: PageInfo,
        description: 'The position of the page in the list.',
        resolve: (page) => page.pageInfo,
      }),
    }),
  });
  return Connection;
}

/** The arguments of a connection, as in Relay. */
export const pageArgs = builder.args((t) => ({
  first: t.int({
    description: 'Return this many items from the start of the list: 1 to 100, 50 by default.',
  }),
  after: t.string({ description: 'Return only items after this cursor.' }),
  last: t.int({ description: 'Return this many items from the end of the list: 1 to 100.' }),
  before: t.string({ description: 'Return only items before this cursor.' }),
}));

/** The cost of a connection: that of one item times the size of the page. */
export const connectionCost = {
  complexity: ({ first, last }: PageArguments) => ({
    field: 1,
    multiplier: Math.min(Math.max(first ?? last ?? 50, 1), 100),
  }),
};
