import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { refusalOfSource } from '../../../src/server/http/request-source.ts';
import { connect, open } from '../../support/graphql-ws-client.ts';
import { startExample } from '../example-app.ts';

const token = 'good-token';
const allowed = 'https://app.example.com';

/** `fetch` does not let the caller choose the header Host. */
function send(
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method: 'POST', headers }, async (response) => {
      let body = '';
      for await (const chunk of response) body += String(chunk);
      resolve({ status: response.statusCode ?? 0, body });
    });
    sent.once('error', reject);
    sent.end(JSON.stringify({ query: '{ me }' }));
  });
}

const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };

describe('a request', () => {
  it.each<[what: string, headers: Record<string, string>]>([
    ['another host name, as after DNS rebinding', { host: 'evil.example' }],
    ['another host name as its origin too', { host: 'evil.example', origin: 'http://evil.example' }],
    ['a host name that only begins like ours', { host: '127.0.0.1.evil.example' }],
    ['a host name that cannot be read', { host: 'a b' }],
    ['the origin of another site', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
    ['the origin of another port', { origin: 'http://127.0.0.1:1' }],
  ])('with %s is refused on every path but the health checks, whatever its token', async (_what, headers) => {
    const { url } = await startExample({}, [allowed]);
    const { status, body } = await send(url, '/graphql', { ...json, ...headers });
    expect([status, JSON.parse(body)]).toMatchObject([
      403,
      { errors: [{ extensions: { code: 'FORBIDDEN' } }] },
    ]);
    expect((await send(url, '/login', { ...headers })).status).toBe(403);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const socket = await open(url, { headers }).catch((error: Error) => error);
    expect(socket).toMatchObject({ message: 'Unexpected server response: 403' });
  });

  it.each<[what: string, headers: Record<string, string>]>([
    ['localhost', { host: 'localhost:1234' }],
    ['the loopback address of IPv6', { host: '[::1]' }],
    ['the host of an allowed origin, as a proxy passes it on', { host: 'app.example.com', origin: allowed }],
    ['an allowed origin', { origin: allowed }],
    ['an origin that no site can have', { origin: 'vscode-webview://editor' }],
  ])('with %s is answered', async (_what, headers) => {
    const { url } = await startExample({}, [allowed]);
    expect(await send(url, '/graphql', { ...json, ...headers })).toMatchObject({ status: 200 });
    const client = await connect(url, { token, headers });
    await client.close();
  });

  it('may be for any host name when the server listens on more than a loopback address', () => {
    const options = { host: '0.0.0.0', corsOrigins: [] };
    const asked = { headers: { host: 'groundcrew.example' } } as Parameters<typeof refusalOfSource>[0];
    expect(refusalOfSource(asked, options)).toBeNull();
  });
});
