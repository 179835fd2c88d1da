import { describe, expect, it } from 'vitest';
import { connect, open } from '../../support/graphql-ws-client.ts';
import { startExample } from '../example-app.ts';

const token = 'good-a';
const origin = 'http://localhost:5173';
const corsOrigins = ['https://app.example.com', origin];

/** Without headers of the server itself, such as `date`. */
function corsHeadersOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => /^access-control-|^vary$/.test(name)));
}

function post(url: string, headers: Record<string, string>, body = '{"query":"{ me }"}') {
  const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return fetch(`${url}/graphql`, { method: 'POST', headers: { ...json, ...headers }, body });
}

/** The headers of an answer that the page may read. */
const permissionFor = (allowed: string) => ({
  'access-control-allow-origin': allowed,
  'access-control-expose-headers': 'retry-after',
  vary: 'Origin',
});

function preflight(url: string, from: string) {
  return fetch(`${url}/graphql`, {
    method: 'OPTIONS',
    headers: {
      origin: from,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
}

describe('POST /graphql from another origin', () => {
  it('is refused without CORS headers when no origins are allowed', async () => {
    const { url } = await startExample();
    for (const answer of [await preflight(url, origin), await post(url, { origin })]) {
      expect(answer.status).toBe(403);
      expect(corsHeadersOf(answer)).toEqual({});
    }
  });

  it.each(corsOrigins)('is allowed for %s, with a token and without cookies', async (allowed) => {
    const { url } = await startExample({}, corsOrigins);
    const asked = await preflight(url, allowed);
    expect(asked.status).toBe(204);
    expect(corsHeadersOf(asked)).toEqual({
      'access-control-allow-origin': allowed,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type, *',
      'access-control-expose-headers': 'retry-after',
      'access-control-max-age': '7200',
      vary: 'Origin',
    });
    const answer = await post(url, { origin: allowed });
    expect(corsHeadersOf(answer)).toEqual(permissionFor(allowed));
    expect(await answer.json()).toEqual({ data: { me: token } });
  });

  it.each([
    'http://localhost:5174',
    'https://localhost:5173',
    'http://localhost:5173.evil.example',
    'http://localhost',
    'https://evil.example',
    'null',
  ])('gets no permission for %s, which is not in the list', async (other) => {
    const { url } = await startExample({}, corsOrigins);
    for (const answer of [await preflight(url, other), await post(url, { origin: other })]) {
      expect(answer.status).toBe(403);
      expect(corsHeadersOf(answer)).toEqual({});
    }
  });

  it.each<[what: string, status: number, headers: Record<string, string>, body?: string]>([
    ['without a token', 401, { authorization: '' }],
    ['with a content type that is not JSON', 415, { 'content-type': 'text/plain' }],
    ['with a body that is too large', 413, {}, ' '.repeat(300_000)],
    ['with a body that is not JSON', 400, {}, '{'],
  ])('can read the error %s', async (_what, status, headers, body) => {
    const { url } = await startExample({}, corsOrigins);
    const answer = await post(url, { origin, ...headers }, body);
    expect(answer.status).toBe(status);
    expect(corsHeadersOf(answer)).toEqual(permissionFor(origin));
  });

  it('can read the error when authentication breaks', async () => {
    const example = await startExample({}, corsOrigins);
    example.authenticate = () => Promise.reject(new Error('secret of the database'));
    const answer = await post(example.url, { origin });
    expect(answer.status).toBe(500);
    expect(corsHeadersOf(answer)).toEqual(permissionFor(origin));
  });

  it('does not accept the cookie, not even from an allowed origin', async () => {
    const { url } = await startExample({}, corsOrigins);
    const cookie = `groundcrew_login=${token}`;
    const headers = { 'content-type': 'application/json', origin, cookie };
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{"query":"{ me }"}' });
    expect(answer.status).toBe(401);
    const client = await open(url, { headers: { origin, cookie } });
    client.send({ type: 'connection_init' });
    expect(await client.closed).toMatchObject({ code: 4403 });
  });

  it('has its match in a WebSocket with a token', async () => {
    const { url } = await startExample({}, corsOrigins);
    const client = await connect(url, { token, headers: { origin } });
    expect((await client.run({ query: '{ me }' })).payload).toEqual({ data: { me: token } });
    await client.close();
  });
});
