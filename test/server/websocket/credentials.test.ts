import { describe, expect, it } from 'vitest';
import { type ConnectOptions, open } from '../../support/graphql-ws-client.ts';
import { startExample } from '../example-app.ts';

const bearer = (token: string) => `Bearer ${token}`;
const cookieOf = (token: string) => `groundcrew_login=${token}`;

/** The name of the viewer, or the code with which the server closes the socket. */
async function signIn(url: string, options: ConnectOptions): Promise<unknown> {
  const client = await open(url, options);
  client.send({ type: 'connection_init', payload: options.payload });
  const acknowledged = await Promise.race([client.closed, client.others.next()]);
  if ('code' in acknowledged) return acknowledged.code;
  const { payload } = await client.run({ query: '{ me }' });
  await client.close();
  return (payload as { data: { me: string } }).data.me;
}

describe('a WebSocket', () => {
  it.each<[what: string, options: ConnectOptions]>([
    ['authorization in the payload', { payload: { authorization: bearer('good-a') } }],
    ['Authorization in the payload', { payload: { Authorization: bearer('good-a') } }],
    ['AUTHORIZATION in the payload', { payload: { AUTHORIZATION: bearer('good-a') } }],
    ['headers.authorization in the payload', { payload: { headers: { authorization: bearer('good-a') } } }],
    ['headers.Authorization in the payload', { payload: { headers: { Authorization: bearer('good-a') } } }],
    ['Headers.Authorization in the payload', { payload: { Headers: { Authorization: bearer('good-a') } } }],
    ['a token that ends with a newline', { payload: { authorization: `${bearer('good-a')}\n` } }],
    ['the header of the upgrade', { headers: { authorization: bearer('good-a') } }],
    ['the header with an empty payload', { headers: { authorization: bearer('good-a') }, payload: {} }],
    [
      'the header with null',
      { headers: { authorization: bearer('good-a') }, payload: { authorization: null } },
    ],
    [
      'the header with other headers in the payload',
      { headers: { authorization: bearer('good-a') }, payload: { headers: { 'x-trace': '1' } } },
    ],
  ])('accepts %s', async (_what, options) => {
    const { url } = await startExample();
    expect(await signIn(url, options)).toBe('good-a');
  });

  it.each<[what: string, options: ConnectOptions]>([
    ['no credential', {}],
    ['an invalid token', { payload: { Authorization: bearer('bad') } }],
    ['an invalid token in the header', { headers: { authorization: bearer('bad') } }],
    ['another scheme', { headers: { authorization: 'Basic good-a' } }],
    ['a token that is not a string', { payload: { authorization: [bearer('good-a')] } }],
    ['headers that are not an object', { payload: { headers: bearer('good-a') } }],
  ])('refuses %s with 4403', async (_what, options) => {
    const { url } = await startExample();
    expect(await signIn(url, options)).toBe(4403);
  });

  it('accepts the cookie of the upgrade from a page of the server only', async () => {
    const { url } = await startExample();
    const cookie = cookieOf('good-a');
    expect(await signIn(url, { headers: { cookie, origin: url } })).toBe('good-a');
    const foreign = signIn(url, { headers: { cookie, origin: 'http://evil.example' } });
    await expect(foreign).rejects.toThrow('Unexpected server response: 403');
  });

  it('prefers the payload to the header, and the header to the cookie', async () => {
    const { url } = await startExample();
    const headers = { authorization: bearer('good-b'), cookie: cookieOf('good-c'), origin: url };
    expect(await signIn(url, { headers, payload: { authorization: bearer('good-a') } })).toBe('good-a');
    expect(await signIn(url, { headers, payload: { headers: { Authorization: bearer('good-a') } } })).toBe(
      'good-a',
    );
    expect(await signIn(url, { headers })).toBe('good-b');
    expect(await signIn(url, { headers: { ...headers, authorization: '' } })).toBe(4403);
    expect(await signIn(url, { headers, payload: { authorization: bearer('bad') } })).toBe(4403);
  });
});
