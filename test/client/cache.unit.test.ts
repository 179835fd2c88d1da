import { GraphQLObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { keysOfTypesWithoutId } from '../../src/client/cache.ts';
import { buildSchema } from '../../src/schema/schema.ts';

it('the cache of the client has a key for each type of the schema that has no id', () => {
  const schema = buildSchema();
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const withoutId = Object.values(schema.getTypeMap()).filter(
    (type) =>
      type instanceof GraphQLObjectType &&
      !type.name.startsWith('__') &&
      !roots.includes(type) &&
      !('id' in type.getFields()),
  );
  expect(Object.keys(keysOfTypesWithoutId).sort()).toEqual(withoutId.map(({ name }) => name).sort());
});
