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

/** What one operation may cost: a page of a hundred tasks with everything that each of them has, several times over. */
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
        `the operation costs ${complexity}, more than ${max}; ask for fewer fields or smaller pages`,
        {
          extensions: { code: 'QUERY_TOO_COMPLEX' },
        },
      ),
  },
});

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be done.' });
builder.subscriptionType({ description: 'What can be watched, over graphql-transport-ws.' });

builder.scalarType('DateTime', {
  description: 'ISO 8601, UTC, milliseconds: 2026-11-22T08:10:13.123Z',
  serialize: (value) => value,
});
