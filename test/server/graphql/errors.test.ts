import { describe, expect, it } from 'vitest';
import { fetchGraphql } from '../../support/fetch-graphql.ts';
import { connect } from '../../support/graphql-ws-client.ts';
import { startExample } from '../example-app.ts';

const token = 'good-a';

interface SentError {
  readonly message: string;
  readonly extensions: Record<string, unknown>;
}

const fails = (how: string) => `{ fails(how: "${how}") }`;
const withInput = 'query ($input: ThingInput) { input(input: $input) }';

const cases: [what: string, query: string, variables: object | undefined, extensions: object][] = [
  ['a missing object', fails('missing'), undefined, { code: 'NOT_FOUND' }],
  ['a field to blame', fails('input'), undefined, { code: 'BAD_USER_INPUT', field: 'text' }],
  ['a wrong state', fails('state'), undefined, { code: 'INVALID_STATE', status: 'INIT_ENSURE_NAME' }],
  ['an error of the schema', fails('coded'), undefined, { code: 'QUERY_TOO_COMPLEX' }],
  ['a document that does not parse', '{', undefined, { code: 'GRAPHQL_PARSE_FAILED' }],
  ['an unknown field', '{ nothing }', undefined, { code: 'GRAPHQL_VALIDATION_FAILED' }],
  ['a literal of a wrong type', '{ echo(text: 1) }', undefined, { code: 'GRAPHQL_VALIDATION_FAILED' }],
  [
    'a variable of a wrong type',
    'query ($text: String) { echo(text: $text) }',
    { text: 1 },
    { code: 'BAD_USER_INPUT', field: 'text' },
  ],
  ['an input that lacks a field', withInput, { input: {} }, { code: 'BAD_USER_INPUT', field: 'input' }],
  [
    'a field of an input',
    withInput,
    { input: { text: 'x', inner: { text: 5 } } },
    { code: 'BAD_USER_INPUT', field: 'text' },
  ],
  [
    'null for an argument that has a default',
    'query ($n: Int = 1) { first(first: $n) }',
    { n: null },
    { code: 'BAD_USER_INPUT', field: 'first' },
  ],
  ['no operation name', 'query A { me } query B { me }', undefined, { code: 'BAD_USER_INPUT' }],
  [
    'an internal error',
    fails('boom'),
    undefined,
    { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) },
  ],
  [
    'a code that the API does not document',
    fails('undocumented'),
    undefined,
    { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) },
  ],
  [
    'an error of a library',
    fails('uncoded'),
    undefined,
    { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) },
  ],
];

describe('an operation that fails', () => {
  it.each(cases)(
    'gets the same error on HTTP and WebSocket for %s',
    async (_what, query, variables, extensions) => {
      const { url } = await startExample();
      const overHttp = await fetchGraphql(url, token, query, variables as Record<string, unknown>);
      expect(overHttp.errors?.map((error) => error.extensions)).toEqual([extensions]);
      const client = await connect(url, { token });
      const { payload } = await client.run({ query, variables: variables as Record<string, unknown> });
      const errors = (
        Array.isArray(payload) ? payload : (payload as { errors: SentError[] }).errors
      ) as SentError[];
      expect(errors.map((error) => error.extensions)).toEqual([extensions]);
      expect(errors[0]?.message).toBe(overHttp.errors?.[0]?.message);
      await client.close();
    },
  );

  it('is answered with 200, its data, and the path of the field that failed', async () => {
    const { url } = await startExample();
    const answer = await fetchGraphql(url, token, 'mutation { fail(how: "missing") }');
    expect(answer).toMatchObject({ status: 200, data: { fail: null }, errors: [{ path: ['fail'] }] });
  });

  it('logs an internal error under the id that the client receives, and sends no detail', async () => {
    const { url, log } = await startExample();
    const answer = await fetchGraphql(url, token, fails('boom'));
    const errorId = answer.errors?.[0]?.extensions.errorId;
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(log.filter((line) => line.level === 50)).toMatchObject([
      { errorId, err: { message: 'secret of the database', stack: expect.any(String) }, path: ['fails'] },
    ]);
  });
});

describe('a subscription that fails', () => {
  const query = 'subscription ($name: String) { thing(name: $name) { revision breaks } }';

  it('receives an error and no completion when its source cannot be opened', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const { NotFoundError } = await import('../../../src/tasks/domain/errors.ts');
    example.openThing = () => {
      throw new NotFoundError('There is no such thing.');
    };
    const subscription = client.subscribe({ query });
    expect(await subscription.next()).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'NOT_FOUND' }, path: ['thing'] }],
    });
    await client.run({ query: '{ me }' });
    expect(subscription.all).toHaveLength(1);
    await client.close();
  });

  it('receives an error for a variable of a wrong type', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    expect(await client.run({ query, variables: { name: 1 } })).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'BAD_USER_INPUT', field: 'name' } }],
    });
    await client.close();
  });

  it('receives a masked error and no completion when its source fails', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const subscription = client.subscribe({ query: 'subscription { thing { revision } }' });
    await client.run({ query: '{ me }' });
    example.sources[0]?.push({ revision: 1 });
    expect(await subscription.next()).toMatchObject({ type: 'next' });
    example.sources[0]?.fail(new Error('secret of the source'));
    const failed = await subscription.next();
    expect(failed).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) } }],
    });
    expect(JSON.stringify(failed)).not.toContain('secret');
    await client.run({ query: '{ me }' });
    expect(subscription.all).toHaveLength(2);
    await client.close();
  });

  it('continues after a field of a message has failed', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const subscription = client.subscribe({ query });
    await client.run({ query: '{ me }' });
    for (const revision of [1, 2]) {
      example.sources[0]?.push({ revision });
      expect(await subscription.next()).toMatchObject({
        type: 'next',
        payload: {
          data: { thing: { revision, breaks: null } },
          errors: [{ path: ['thing', 'breaks'], extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
        },
      });
    }
    await client.close();
  });
});
