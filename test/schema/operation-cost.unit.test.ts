import { parse } from 'graphql';
import { expect, it } from 'vitest';
import { OperationCosts } from '../../src/schema/operation-cost.ts';
import { buildSchema } from '../../src/schema/schema.ts';

const costs = new OperationCosts(buildSchema());

it.each<[cost: number, query: string, variables?: Record<string, unknown>]>([
  [0, '{ rateLimit { limit cost remaining resetAt } }'],
  [0, '{ __typename ...F } fragment F on Query { ... { rateLimit { remaining } } }'],
  [1, '{ __typename }'],
  [1, '{ rateLimit { remaining } viewer { scopes } }'],
  [1, 'mutation { cancelTask(id: "x") { id } }'],
  [1, 'subscription { taskUpdated(id: "x") { id status revision } }'],
  [1, '{ tasks(first: 1) { nodes { id } } }'],
  [3, '{ tasks(first: 100) { nodes { id } } }'],
  [1, 'query ($first: Int) { tasks(first: $first) { nodes { id } } }', { first: 1 }],
  [3, 'query ($first: Int) { tasks(first: $first) { nodes { id } } }', { first: 100 }],
  [11, '{ __schema { types { name } } }'],
  [
    31,
    '{ a: __schema { types { name } } ...F b: __schema { types { name } } } fragment F on Query { __type(name: "Task") { name } }',
  ],
  [3, `{ viewer { ${'... { scopes } '.repeat(120)} } }`],
  [1, 'query ($first: Int) { tasks(first: $first) { nodes { id } } }', { first: 'many' }],
])('costs %i: %s with %j', (cost, query, variables) => {
  const document = parse(query);
  expect(costs.of({ document, variables })).toBe(cost);
  expect(costs.of({ document, variables })).toBe(cost);
});

it('costs what the named operation costs, not the first of the document', () => {
  const document = parse('query A { viewer { scopes } } query B { tasks(first: 100) { nodes { id } } }');
  expect(costs.of({ document, operationName: 'B' })).toBe(3);
});
