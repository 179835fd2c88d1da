import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { fetchGraphql } from '../../support/fetch-graphql.ts';
import { startExample } from '../example-app.ts';

const token = 'good-a';

async function post(url: string, headers: Record<string, string>, body = '{"query":"{ me }"}') {
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
  return { status: response.status, body: await response.json() };
}

describe('POST /graphql with credentials', () => {
  const json = { 'content-type': 'application/json' };

  it('accepts a valid token', async () => {
    const { url } = await startExample();
    expect(await fetchGraphql(url, token, '{ me }')).toEqual({ status: 200, data: { me: token } });
  });

  it.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer bad' }],
    ['another scheme', { authorization: `Basic ${token}` }],
    ['a wrong cookie', { cookie: 'groundcrew_login=bad' }],
  ])('refuses %s with 401', async (_what, headers) => {
    const { url } = await startExample();
    const { status, body } = await post(url, { ...json, ...headers });
    expect(status).toBe(401);
    expect(body.errors[0].extensions).toEqual({ code: 'UNAUTHENTICATED' });
  });

  it('accepts the cookie from a page of the server', async () => {
    const { url } = await startExample();
    const cookie = `other=1; groundcrew_login=${token}`;
    expect((await post(url, { ...json, cookie, origin: url })).body).toEqual({ data: { me: token } });
  });

  it('answers with a masked error when authentication breaks', async () => {
    const example = await startExample();
    example.authenticate = () => Promise.reject(new Error('secret of the database'));
    const { status, body } = await post(example.url, { ...json, authorization: `Bearer ${token}` });
    expect(status).toBe(500);
    const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) };
    expect(body.errors).toEqual([{ message: 'Internal server error.', extensions }]);
  });

  it('never logs tokens, cookies or variables', async () => {
    const { url, log } = await startExample();
    const variables = { input: { text: 4, secret: 'variable' } };
    await fetchGraphql(url, token, 'query ($input: ThingInput) { input(input: $input) }', variables);
    await post(url, { ...json, cookie: 'groundcrew_login=cookie', authorization: 'Bearer header' });
    expect(log.length).toBeGreaterThan(0);
    expect(JSON.stringify(log)).not.toMatch(/variable|good-a|Bearer|"cookie|header/);
  });
});

describe('POST /graphql', () => {
  it.each([
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['application/json; charset=utf8', 200],
    ['application/json;charset=UTF-8', 200],
    ['application/json; charset="utf-8"', 200],
    ['application/json ; Charset=UTF8', 200],
    ['Application/JSON', 200],
    ['application/json;', 200],
    ['application/json; profile=x; charset=utf-8', 200],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset=', 415],
    ['application/json; charset = latin1', 415],
    ['application/jsonp', 415],
    ['text/plain; application/json', 415],
    ['application/json; charset=latin1', 415],
    ['application/json, text/plain', 415],
    ['application/graphql', 415],
    ['application/graphql+json', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['text/plain', 415],
    ['', 415],
  ])('answers the content type %j with %i', async (type, expected) => {
    const { url } = await startExample();
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const { status, body } = await post(url, headers);
    expect(status).toBe(expected);
    if (expected === 415) expect(body.errors[0].extensions.code).toBe('BAD_USER_INPUT');
  });

  it.each([
    ['malformed JSON', '{"query":', 400],
    ['a batch', '[{"query":"{ me }"}]', 400],
    ['a body that is not an object', '"{ me }"', 400],
    ['a body without a query', '{}', 400],
    ['variables that are not an object', '{"query":"{ me }","variables":[1]}', 400],
    ['a body that is too large', JSON.stringify({ query: `{ me } #${'x'.repeat(262_144)}` }), 413],
  ])('refuses %s', async (_what, sent, expected) => {
    const { url } = await startExample();
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const { status, body } = await post(url, headers, sent);
    expect(status).toBe(expected);
    expect(body.errors).toHaveLength(1);
    expect(body.errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT' });
  });

  it('cannot be replaced by GET for a mutation', async () => {
    const example = await startExample();
    const query = encodeURIComponent('mutation { touch }');
    const response = await fetch(`${example.url}/graphql?query=${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(405);
    expect(example.touched).toBe(0);
  });

  it('refuses subscriptions, also as event streams', async () => {
    const example = await startExample();
    const { errors } = await fetchGraphql(example.url, token, 'subscription { thing { revision } }');
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    const response = await fetch(`${example.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: 'subscription { thing { revision } }' }),
    });
    expect(await response.text()).toContain('BAD_USER_INPUT');
    expect(example.sources).toHaveLength(0);
  });
});

describe('limits of an operation', () => {
  const nested = (levels: number) => `${'{ self '.repeat(levels)} { me } ${'}'.repeat(levels)}`;
  const aliases = (n: number, field: string) => Array.from({ length: n }, (_, i) => `a${i}: ${field}`);

  it('allow introspection', async () => {
    const { url } = await startExample();
    const { data, errors } = await fetchGraphql(url, token, getIntrospectionQuery());
    expect(errors).toBeUndefined();
    expect(data).toHaveProperty('__schema');
  });

  it.each([
    ['fourteen levels', nested(14)],
    ['thirty aliases', `{ ${aliases(30, 'me')} }`],
    ['ten mutations', `mutation { ${aliases(10, 'touch')} }`],
  ])('allow %s', async (_what, query) => {
    const { url } = await startExample();
    expect((await fetchGraphql(url, token, query)).errors).toBeUndefined();
  });

  it.each([
    ['fifteen levels', nested(15)],
    ['levels in fragments', `{ self { ...F } } fragment F on Query ${nested(14)}`],
    ['thirty-one aliases', `{ ${aliases(31, 'me')} }`],
    ['eleven mutations', `mutation { ${aliases(11, 'touch')} }`],
    ['mutations in fragments', `mutation { ...F } fragment F on Mutation { ${aliases(11, 'touch')} }`],
    ['mutations without aliases', `mutation { ${'touch '.repeat(11)} }`],
    ['two thousand tokens', `{ ${'me '.repeat(2000)} }`],
    [
      'fragments that double',
      `{ ...F0 } ${Array.from({ length: 40 }, (_, i) => `fragment F${i} on Query { ${i < 39 ? `...F${i + 1} b: self { ...F${i + 1} }` : 'me'} }`).join(' ')}`,
    ],
  ])('refuse %s', async (_what, query) => {
    const example = await startExample();
    const { errors } = await fetchGraphql(example.url, token, query);
    expect(errors?.[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
    expect(example.touched).toBe(0);
  });

  it('refuse a fragment that spreads itself', async () => {
    const { url } = await startExample();
    const { errors } = await fetchGraphql(url, token, '{ ...F } fragment F on Query { self { ...F } }');
    expect(errors?.[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

describe('health checks', () => {
  const ready = async (url: string) => {
    const response = await fetch(`${url}/readyz`);
    return [response.status, (await response.text()).trim()];
  };

  it('report that the server is alive, and whether it is ready', async () => {
    const example = await startExample({ readinessTimeout: 20 });
    expect((await fetch(`${example.url}/healthz`)).status).toBe(200);
    expect(await ready(example.url)).toEqual([200, 'ready']);
    example.notReady = 'The database cannot be reached.';
    expect(await ready(example.url)).toEqual([503, 'The database cannot be reached.']);
    example.notReady = new Error('secret');
    expect(await ready(example.url)).toEqual([503, 'The readiness check failed.']);
    example.notReady = 'never';
    expect(await ready(example.url)).toEqual([503, 'The readiness check takes too long.']);
  });

  it('are answered with 404 on unknown paths', async () => {
    const { url } = await startExample();
    expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  });
});
