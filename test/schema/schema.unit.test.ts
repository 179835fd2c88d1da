import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  BreakingChangeType,
  buildSchema as buildFromText,
  findBreakingChanges,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, it, test } from 'vitest';
import { buildSchema } from '../../src/schema/schema.ts';

const root = resolve(import.meta.dirname, '../..');
const contractFile = resolve(root, '../shared/contract.graphql');
const schema = buildSchema();
const ours = Object.values(schema.getTypeMap()).filter(
  ({ name }) => !name.startsWith('__') && !['Int', 'Float', 'String', 'Boolean', 'ID'].includes(name),
);

/** Everything in a type that can have a description. */
function describable(type: GraphQLNamedType): [string, string | null | undefined][] {
  const found: [string, string | null | undefined][] = [[type.name, type.description]];
  if (isEnumType(type)) {
    for (const value of type.getValues()) found.push([`${type.name}.${value.name}`, value.description]);
  }
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      found.push([`${type.name}.${field.name}`, field.description]);
      for (const arg of field.args) found.push([`${type.name}.${field.name}(${arg.name})`, arg.description]);
    }
  }
  if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      found.push([`${type.name}.${field.name}`, field.description]);
    }
  }
  return found;
}

describe('the schema', () => {
  it.each(ours.map((type) => [type.name, type] as const))('describes every part of %s', (_name, type) => {
    const undescribed = describable(type).filter(([, description]) => !description?.trim());
    expect(undescribed.map(([name]) => name)).toEqual([]);
  });

  it('equals schema.graphql', () => {
    const shown = buildFromText(readFileSync(resolve(root, 'schema.graphql'), 'utf8'));
    expect(printSchema(lexicographicSortSchema(shown))).toBe(printSchema(lexicographicSortSchema(schema)));
  });

  test.skipIf(!existsSync(contractFile))(
    'contradicts the public contract nowhere; parts of it may be missing',
    () => {
      const contract = buildFromText(readFileSync(contractFile, 'utf8'));
      const changes = findBreakingChanges(contract, buildFromText(printSchema(schema)));
      const notBuilt: string[] = [BreakingChangeType.TYPE_REMOVED, BreakingChangeType.FIELD_REMOVED];
      expect(changes.filter(({ type }) => !notBuilt.includes(type))).toEqual([]);
    },
  );
});
