import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
import './mutation.ts';
import './query.ts';
import './subscription.ts';

/** The API. `schema.graphql` is what it prints. */
export function buildSchema(): GraphQLSchema {
  return builder.toSchema();
}
