import { describe, expect, it } from 'vitest';
import { connect } from '../support/graphql-ws-client.ts';
import { startExample } from './example-app.ts';

const token = 'good-a';
const maxBody = 256 * 1024;
const maxMessage = 64 * 1024;

/** A query that takes exactly `bytes` as JSON in `message`. A comment of characters with two bytes each fills it up. */
function queryOf(bytes: number, message: (query: string) => unknown): string {
  const size = (query: string) => Buffer.byteLength(JSON.stringify(message(query)));
  const missing = bytes - size('{ me } #');
  const query = `{ me } #${'ü'.repeat(missing / 2)}${'x'.repeat(missing % 2)}`;
  expect(size(query)).toBe(bytes);
  return query;
}

describe('the body of POST /graphql', () => {
  const bodyOf = (bytes: number) => JSON.stringify({ query: queryOf(bytes, (query) => ({ query })) });

  async function post(url: string, body: string | ReadableStream<Uint8Array>) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body,
      duplex: 'half',
    } as RequestInit);
    return { status: response.status, body: await response.json() };
  }

  it('may have 256 KiB', async () => {
    const { url } = await startExample();
    expect(await post(url, bodyOf(maxBody))).toEqual({ status: 200, body: { data: { me: token } } });
  });

  it.each([maxBody + 1, 20 * maxBody])('is refused with 413 when it has %i bytes', async (bytes) => {
    const { url } = await startExample();
    const { status, body } = await post(url, bodyOf(bytes));
    expect(status).toBe(413);
    expect(body.errors).toEqual([
      { message: 'The body is larger than 262144 bytes.', extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  it('is refused with 413 when it does not declare its length', async () => {
    const { url } = await startExample();
    expect(await post(url, new Blob([bodyOf(maxBody + 1)]).stream())).toMatchObject({ status: 413 });
  });
});

describe('a WebSocket message', () => {
  const large = (bytes: number) => ({
    query: queryOf(bytes, (query) => ({ id: '1', type: 'subscribe', payload: { query } })),
  });

  it('may have 64 KiB', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    expect(await client.run(large(maxMessage))).toMatchObject({ payload: { data: { me: token } } });
    await client.close();
  });

  it('closes the socket with 1009 and names the limit when it is larger', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    client.subscribe(large(maxMessage + 1));
    expect(await client.closed).toEqual({ code: 1009, reason: 'The message is larger than 65536 bytes.' });
  });
});
