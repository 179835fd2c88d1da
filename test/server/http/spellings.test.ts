import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Client, fetchExchange } from '@urql/core';
import { describe, expect, it } from 'vitest';
import { startExample } from '../example-app.ts';

const token = 'good-a';
const me = { data: { me: token } };

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

async function send({ method = 'POST', path = '/graphql', headers = {}, body }: Sent) {
  const { url } = await startExample();
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

const queryWith = (more: object) => JSON.stringify({ query: '{ me }', ...more });
const get = (params: Record<string, string>) => `/graphql?${new URLSearchParams(params)}`;

describe('POST /graphql in the spellings of clients', () => {
  it.each([
    ['an empty operation name', queryWith({ operationName: '' })],
    [
      'null for all that may be left out',
      queryWith({ operationName: null, variables: null, extensions: null }),
    ],
    ['empty strings for variables and extensions', queryWith({ variables: '', extensions: '' })],
    ['properties that only the client knows', queryWith({ id: 'abc', documentId: null, key: 7 })],
    ['a byte order mark', `\ufeff${queryWith({})}`],
    [
      'the extensions of Apollo Client',
      '{"operationName":"Me","variables":{},"extensions":{"clientLibrary":{"name":"@apollo/client","version":"4.1.9"}},"query":"query Me {\\n  me\\n}"}',
    ],
    ['a query of gql for Python', '{"query": "query Me {\\n  me\\n}", "operationName": "Me"}'],
  ])('runs a body with %s', async (_what, body) => {
    expect(await send({ body })).toMatchObject({ status: 200, body: me });
  });

  it('runs a request to /graphql/', async () => {
    expect(await send({ path: '/graphql/', body: queryWith({}) })).toMatchObject({ status: 200, body: me });
  });

  it.each([
    ['variables as a string', queryWith({ variables: '{}' }), 400],
    ['a batch', `[${queryWith({})}]`, 400],
    ['text that is not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 400],
    ['no body', undefined, 400],
  ])('refuses %s', async (_what, body, status) => {
    const answer = await send(body === undefined ? {} : { body });
    expect(answer.status).toBe(status);
    expect(answer.body.errors).toEqual([
      { message: expect.stringMatching(/^[A-Z].*\.$/), extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  const compressions = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, br: brotliCompressSync };
  it.each(Object.entries(compressions))('reads a body that is compressed with %s', async (name, compress) => {
    const answer = await send({
      headers: { 'content-encoding': name },
      body: new Uint8Array(compress(queryWith({}))),
    });
    expect(answer).toMatchObject({ status: 200, body: me });
  });

  it.each([
    [
      'is larger than 256 KiB once decompressed',
      'gzip',
      gzipSync(queryWith({ x: 'x'.repeat(2 ** 24) })),
      413,
    ],
    ['is not what it says', 'gzip', Buffer.from(queryWith({})), 400],
    ['is cut off', 'gzip', gzipSync(queryWith({})).subarray(0, -12), 400],
    ['has an unknown compression', 'compress', gzipSync(queryWith({})), 415],
    ['is compressed twice', 'gzip, gzip', gzipSync(gzipSync(queryWith({}))), 415],
  ])('refuses a compressed body that %s', async (_what, encoding, body, status) => {
    const answer = await send({ headers: { 'content-encoding': encoding }, body: new Uint8Array(body) });
    expect(answer.status).toBe(status);
    expect(answer.body.errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT' });
  });

  const json = 'application/json; charset=utf-8';
  const response = 'application/graphql-response+json; charset=utf-8';
  it.each([
    ['*/*', json],
    ['application/*', json],
    ['application/json; charset=UTF8', json],
    ['application/json;q=0.9, application/graphql-response+json', response],
    ['application/graphql-response+json,application/json;q=0.9', response],
    ['application/graphql-response+json;q=0, */*', json],
    ['multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json', response],
    ['text/html;q=0.5, application/json;q=0.1', json],
  ])('answers a request that accepts %j with %s', async (accept, type) => {
    const answer = await send({ headers: { accept }, body: queryWith({}) });
    expect(answer).toMatchObject({ status: 200, body: me });
    expect(answer.headers.get('content-type')).toBe(type);
  });

  it.each(['application/xml', 'application/json;q=0', 'application/json; charset=latin1'])(
    'says in JSON that it cannot answer with %j',
    async (accept) => {
      const answer = await send({ headers: { accept }, body: queryWith({}) });
      expect(answer.status).toBe(406);
      expect(answer.body.errors).toEqual([
        {
          message: 'The response is application/json, which the request does not accept.',
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ]);
    },
  );
});

describe('GET /graphql', () => {
  it('runs a query with its variables, and may not be cached', async () => {
    const path = get({
      query: 'query Q($text: String) { echo(text: $text) }',
      operationName: 'Q',
      variables: '{"text":"ü"}',
    });
    const answer = await send({ method: 'GET', path });
    expect(answer).toMatchObject({ status: 200, body: { data: { echo: 'ü' } } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('runs what urql sends by default', async () => {
    const { url } = await startExample();
    const client = new Client({
      url: `${url}/graphql`,
      exchanges: [fetchExchange],
      preferGetMethod: 'within-url-limit',
      fetchOptions: { headers: { authorization: `Bearer ${token}` } },
    });
    expect((await client.query('{ me }', {})).data).toEqual({ me: token });
    expect((await client.mutation('mutation { touch }', {})).data).toEqual({ touch: 1 });
  });

  it.each([
    ['a mutation', { query: 'mutation { touch }' }, 405],
    ['no query', { variables: '{}' }, 400],
    ['variables that are not JSON', { query: '{ me }', variables: '{' }, 400],
  ])('refuses %s', async (_what, params, status) => {
    const answer = await send({ method: 'GET', path: get(params) });
    expect(answer.status).toBe(status);
    expect(answer.body.errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT' });
  });

  it.each([
    ['a page of the server', { 'sec-fetch-site': 'same-origin' }, 200],
    ['a page of the same site', { 'sec-fetch-site': 'same-site' }, 401],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }, 401],
    ['an unknown place', {}, 401],
  ])(
    'with the cookie from %s is answered with %j',
    async (_where, headers: Record<string, string>, status) => {
      const { url } = await startExample();
      const cookie = `groundcrew_login=${token}`;
      const response = await fetch(`${url}${get({ query: '{ me }' })}`, { headers: { cookie, ...headers } });
      expect(response.status).toBe(status);
    },
  );

  it('refuses a content type that a form could send', async () => {
    const headers = { 'content-type': 'text/plain' };
    expect(await send({ method: 'GET', path: get({ query: '{ me }' }), headers })).toMatchObject({
      status: 415,
    });
  });
});
