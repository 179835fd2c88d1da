import { readFileSync } from 'node:fs';
import { buildSchema, GraphQLError, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { Resumption } from '../../src/client/resumption.ts';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const alias = 'groundcrewPosition';
const query = 'subscription ($id: ID!) { taskUpdated(id: $id) { id } }';
const variables = { id: 'x' };
const failed = (code: string) => new GraphQLError('failed', { extensions: { code } });

const documents: [string, { query: string; variables: Record<string, unknown> }][] = [
  ['without afterRevision', { query, variables }],
  [
    'with afterRevision as a variable',
    {
      query:
        'subscription ($id: ID!, $after: Int) { taskUpdated(id: $id, afterRevision: $after) { revision } }',
      variables: { id: 'x', after: 3 },
    },
  ],
  [
    'with afterRevision as a literal',
    { query: 'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 3) { id } }', variables },
  ],
  [
    'with an alias and a fragment',
    {
      query: 'subscription S($id: ID!) { task: taskUpdated(id: $id) { ...F } } fragment F on Task { status }',
      variables,
    },
  ],
  [
    'with a variable that another field uses too',
    {
      query:
        'subscription ($id: ID!, $n: Int) { taskUpdated(id: $id, afterRevision: $n) { events(first: $n) { nodes { id } } } }',
      variables: { id: 'x', n: 3 },
    },
  ],
];

const brokenMessages: [string, Record<string, unknown> | null][] = [
  ['no data', null],
  ['no task', { taskUpdated: null }],
  ['a part of the task', { taskUpdated: { id: 'x', [alias]: 5 } }],
];

describe('Resumption', () => {
  it.each(documents)('keeps a taskUpdated document %s valid', (_name, request) => {
    expect(validate(schema, parse(new Resumption(request).payload.query))).toEqual([]);
  });

  it.each(documents)('resumes a taskUpdated document %s after the revision seen last', (_name, request) => {
    const resumption = new Resumption(request);
    const key = request.query.includes('task:') ? 'task' : 'taskUpdated';
    expect(resumption.filter({ data: { [key]: { [alias]: 4 } } })).toBe('new');
    // As graphql-ws does it when it resubscribes.
    const sent = JSON.parse(JSON.stringify(resumption.payload));
    expect(sent.variables).toEqual({ ...request.variables, groundcrewAfter: 4 });
    expect(resumption.resumes).toBe(true);
  });

  it('removes from a message what it has added to the document', () => {
    const message = { data: { taskUpdated: { id: 'x', [alias]: 4 } } };
    new Resumption({ query, variables }).filter(message);
    expect(message).toEqual({ data: { taskUpdated: { id: 'x' } } });
  });

  it.each([
    ['a variable', '$after', { id: 'x', after: 7 }],
    ['a literal', '7', { id: 'x' }],
  ])('starts after the revision that a request gives as %s', (_name, value, given) => {
    const text = `subscription ($id: ID!, $after: Int) { taskUpdated(id: $id, afterRevision: ${value}) { id } }`;
    expect(new Resumption({ query: text, variables: given }).payload.variables).toMatchObject({
      groundcrewAfter: 7,
    });
  });

  it('starts without a revision when a request gives none', () => {
    expect(new Resumption({ query, variables }).payload.variables).toEqual({
      id: 'x',
      groundcrewAfter: null,
    });
  });

  it('drops a revision that was seen before', () => {
    const resumption = new Resumption({ query, variables });
    const message = (revision: number) => ({ data: { taskUpdated: { [alias]: revision } } });
    expect([4, 4, 3, 5].map((revision) => resumption.filter(message(revision)))).toEqual([
      'new',
      'seen',
      'seen',
      'new',
    ]);
  });

  it.each(brokenMessages)('does not move on for a server error with %s', (_name, data) => {
    const resumption = new Resumption({ query, variables });
    resumption.filter({ data: { taskUpdated: { [alias]: 4 } } });
    const errors = [failed('BAD_USER_INPUT'), failed('INTERNAL_SERVER_ERROR')];
    expect(resumption.filter({ data: structuredClone(data), errors })).toBe('lost');
    expect(resumption.payload.variables).toMatchObject({ groundcrewAfter: 4 });
  });

  it.each(brokenMessages)('passes on an error of the request with %s', (_name, data) => {
    const errors = [failed('BAD_USER_INPUT')];
    expect(new Resumption({ query, variables }).filter({ data: structuredClone(data), errors })).toBe('new');
  });

  describe('of another subscription', () => {
    const other = 'subscription { tasksUpdated { id } }';

    it('leaves the document unchanged and does not resume', () => {
      const resumption = new Resumption({ query: other });
      expect(resumption.payload.query).toBe(other);
      expect(resumption.resumes).toBe(false);
    });

    it('passes on every message except server errors', () => {
      const resumption = new Resumption({ query: other });
      const message = { data: { tasksUpdated: { id: 'x' } } };
      expect(resumption.filter(message)).toBe('new');
      expect(resumption.filter(message)).toBe('new');
      expect(resumption.filter({ data: null, errors: [failed('INTERNAL_SERVER_ERROR')] })).toBe('lost');
    });
  });
});
