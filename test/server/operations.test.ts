import { describe, expect, it } from 'vitest';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { startExample, type Thing } from './example-app.ts';
import { TestSource } from './test-source.ts';

const token = 'good-token';

/** The first error of an operation, over HTTP and over WebSocket. */
async function refusals(url: string, query: string): Promise<unknown[]> {
  const client = await connect(url, { token });
  const { payload } = await client.run({ query });
  const overHttp = (await fetchGraphql(url, token, query)).errors;
  await client.close();
  const overWebSocket = Array.isArray(payload) ? payload : (payload as { errors: unknown[] }).errors;
  return [overHttp?.[0], overWebSocket[0]];
}

describe('an operation that takes too long', () => {
  it('is answered with the limit over HTTP and WebSocket', async () => {
    const { url } = await startExample({ operationTimeout: 50 });
    for (const error of await refusals(url, '{ waits }')) {
      expect(error).toMatchObject({
        message: 'The operation takes too long: at most 0.05 s.',
        extensions: { code: 'QUERY_TOO_COMPLEX' },
      });
    }
  });

  it('is answered so when it is a subscription whose source does not open, which is closed once it is open', async () => {
    const example = await startExample({ operationTimeout: 50 });
    const source = new TestSource<Thing>();
    const opening = Promise.withResolvers<TestSource<Thing>>();
    example.openThing = () => opening.promise;
    const client = await connect(example.url, { token });
    const { type, payload } = await client.run({ query: 'subscription { thing { revision } }' });
    expect({ type, payload }).toMatchObject({
      type: 'error',
      payload: [
        {
          message: 'The operation takes too long: at most 0.05 s.',
          extensions: { code: 'QUERY_TOO_COMPLEX' },
        },
      ],
    });
    opening.resolve(source);
    await source.closed.promise;
    await client.close();
  });
});

describe('a server that denies introspection', () => {
  it.each([
    '{ __schema { queryType { name } } }',
    '{ __type(name: "Query") { name } }',
    '{ mee }',
    '{ echo(txt: "a") }',
  ])('shows nothing of its schema for %s', async (query) => {
    const { url } = await startExample({}, [], { allowIntrospection: false });
    for (const error of await refusals(url, query)) {
      expect(error).toMatchObject({ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
      expect(JSON.stringify(error)).not.toMatch(/Did you mean/);
    }
  });

  it('still tells the type of what it returns', async () => {
    const { url } = await startExample({}, [], { allowIntrospection: false });
    expect((await fetchGraphql(url, token, '{ __typename }')).data).toEqual({ __typename: 'Query' });
  });
});
