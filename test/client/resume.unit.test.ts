import { readFileSync } from 'node:fs';
import { buildSchema, GraphQLError, parse, validate } from 'graphql';
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
    const { payload, filter: accept } = resumable({ query, variables });
    expect(validate(schema, parse(payload.query))).toEqual([]);
    const key = query.includes('task:') ? 'task' : 'taskUpdated';
    const result = () => ({ data: { [key]: { [alias]: 4 } as Record<string, unknown> } });

    const first = result();
    expect(accept(first)).toBe('new');
    expect(first.data[key]).not.toHaveProperty(alias);
    expect(accept(result())).toBe('seen');
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
  const { payload, filter: accept } = resumable({ query });
  expect(payload.query).toBe(query);
  expect(accept({ data: { tasksUpdated: { id: 'x' } } })).toBe('new');
});

describe.each([
  ['no data', null],
  ['no task', { taskUpdated: null }],
  ['a part of it', { taskUpdated: { id: 'x', [alias]: 5 } }],
])('a revision that comes as an error with %s', (_name, data) => {
  const query = 'subscription ($id: ID!) { taskUpdated(id: $id) { id } }';
  const error = (code: string) => new GraphQLError('failed', { extensions: { code } });
  const message = () => structuredClone(data);

  test('is lost, and stays to be asked for, when the server is to blame', () => {
    const { payload, filter: accept } = resumable({ query, variables: { id: 'x' } });
    expect(accept({ data: { taskUpdated: { [alias]: 4 } } })).toBe('new');
    const errors = [error('BAD_USER_INPUT'), error('INTERNAL_SERVER_ERROR')];
    expect(accept({ data: message(), errors })).toBe('lost');
    expect(payload.variables).toMatchObject({ groundcrewAfterRevision: 4 });
  });

  test('is passed on when the caller is to blame', () => {
    const { filter: accept } = resumable({ query, variables: { id: 'x' } });
    expect(accept({ data: message(), errors: [error('BAD_USER_INPUT')] })).toBe('new');
  });
});

test('loses what the server failed to say of every other operation', () => {
  const { filter: accept } = resumable({ query: 'subscription { tasksUpdated { id } }' });
  const errors = [new GraphQLError('failed', { extensions: { code: 'INTERNAL_SERVER_ERROR' } })];
  expect(accept({ data: null, errors })).toBe('lost');
});
