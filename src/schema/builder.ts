import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import { GraphQLError } from 'graphql';
import type { Context } from '../resolvers/context.ts';
import type { Timestamp } from '../tasks/domain/task.ts';

export interface SchemaTypes {
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Timestamp; Output: Timestamp };
  };
}

/** Limit of the cost of one operation: several times a page of 100 tasks with all fields that a front end shows. */
const maxComplexity = 60_000;

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ComplexityPlugin],
  defaultFieldNullability: false,
  complexity: {
    defaultComplexity: 1,
    defaultListMultiplier: 5,
    limit: { complexity: maxComplexity },
    complexityError: (_kind, { maxComplexity: max, complexity }) =>
      new GraphQLError(
        `The operation costs ${complexity}, more than the limit of ${max}. Ask for fewer fields or smaller pages.`,
        {
          extensions: { code: 'QUERY_TOO_COMPLEX' },
        },
      ),
  },
});

builder.queryType({ description: 'Reads data.' });
builder.mutationType({ description: 'Changes data.' });
builder.subscriptionType({
  description:
    'Delivers live updates over WebSocket, with the protocol graphql-transport-ws. Authenticate with the header `Authorization:\nBearer TOKEN` of the upgrade request, or with `authorization` in the payload of `connection_init` (in any case, also within\n`headers`).',
});

builder.scalarType('DateTime', {
  description: 'An instant in ISO 8601, in UTC, with milliseconds: 2026-11-22T08:10:13.123Z',
  serialize: (value) => value,
});
