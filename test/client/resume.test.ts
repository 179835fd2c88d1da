import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { resumable } from '../../src/client/resume.ts';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const alias = 'groundcrewRevision';

describe.each([
  ['without afterRevision', 'subscription ($id: ID!) { taskUpdated(id: $id) { status } }', { id: 'x' }],
  [
    'with it as a variable',
    'subscription ($id: ID!, $after: Int) { taskUpdated(id: $id, afterRevision: $after) { revision } }',
    { id: 'x', after: 3 },
  ],
  [
    'with it as a literal',
    'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 3) { id } }',
    { id: 'x' },
  ],
  [
    'with an alias and a fragment',
    'subscription S($id: ID!) { task: taskUpdated(id: $id) { ...F } } fragment F on Task { status }',
    { id: 'x' },
  ],
  [
    'with a variable that something else uses too',
    'subscription ($id: ID!, $n: Int) { taskUpdated(id: $id, afterRevision: $n) { events(first: $n) { nodes { id } } } }',
    { id: 'x', n: 3 },
  ],
])('a subscription %s', (_name, query, variables) => {
  test('stays valid, and moves forward with what was seen', () => {
    const { payload, accept } = resumable({ query, variables });
    expect(validate(schema, parse(payload.query))).toEqual([]);
    const key = query.includes('task:') ? 'task' : 'taskUpdated';
    const result = () => ({ data: { [key]: { [alias]: 4 } as Record<string, unknown> } });

    const first = result();
    expect(accept(first)).toBe(true);
    expect(first.data[key]).not.toHaveProperty(alias);
    expect(accept(result())).toBe(false);
    expect(JSON.parse(JSON.stringify(payload)).variables).toMatchObject({ groundcrewAfterRevision: 4 });
  });
});

test('begins with the revision that was given', () => {
  const query = 'subscription ($id: ID!, $after: Int) { taskUpdated(id: $id, afterRevision: $after) { id } }';
  const { payload } = resumable({ query, variables: { id: 'x', after: 7 } });
  expect(payload.variables).toMatchObject({ groundcrewAfterRevision: 7 });
});

test('leaves every other operation as it is', () => {
  const query = 'subscription { tasksUpdated { id } }';
  const { payload, accept } = resumable({ query });
  expect(payload.query).toBe(query);
  expect(accept({ data: { tasksUpdated: { id: 'x' } } })).toBe(true);
});
