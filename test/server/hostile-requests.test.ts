import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect, open } from '../support/graphql-ws-client.ts';
import { startExample } from './example-app.ts';

const token = 'good-a';
const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const query = '{ me }';

/** The server answers others, and has had no error of its own. */
async function expectHealthy({ url, log }: { url: string; log: readonly Record<string, unknown>[] }) {
  expect((await fetchGraphql(url, token, query)).data).toEqual({ me: token });
  expect(log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
}

describe('a hostile request', () => {
  it.each<
    [what: string, status: number, body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>]
  >([
    [
      'variables nested a hundred thousand deep',
      200,
      `{"query":"${query}","variables":{"a":${nested(100_000)}}}`,
    ],
    ['a body nested a hundred thousand deep', 400, nested(100_000)],
    ['the prototype as variables', 200, `{"query":"${query}","variables":{"__proto__":{"x":1}}}`],
    ['the prototype as the operation', 400, `{"query":"${query}","operationName":"__proto__"}`],
    ['a query that is a number', 400, '{"query":1}'],
    ['variables that are a list', 400, `{"query":"${query}","variables":[1]}`],
    ['an operation name that is an object', 400, `{"query":"${query}","operationName":{}}`],
    ['a stored document', 400, '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}'],
    ['a list of operations', 400, `[{"query":"${query}"}]`],
    ['null', 400, 'null'],
    ['nothing', 400, ''],
    [
      'half a surrogate',
      200,
      `{"query":"query ($t: String) { echo(text: $t) }","variables":{"t":"\\ud800"}}`,
    ],
    ['bytes that are not UTF-8', 400, Uint8Array.from([0x7b, 0xff, 0x7d])],
    [
      '50 MB in 50 kB',
      413,
      new Uint8Array(gzipSync(Buffer.alloc(50_000_000, 32))),
      { 'content-encoding': 'gzip' },
    ],
    ['a body that is not what it says', 400, 'x', { 'content-encoding': 'gzip' }],
    ['a form', 415, `query=${query}`, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['text that is JSON', 415, `{"query":"${query}"}`, { 'content-type': 'text/plain' }],
    [
      'a token of ten thousand characters',
      401,
      `{"query":"${query}"}`,
      { authorization: `Bearer ${'x'.repeat(10_000)}` },
    ],
  ])('with %s is answered with %i', async (_what, status, body, headers = {}) => {
    const example = await startExample();
    const response = await fetch(`${example.url}/graphql`, {
      method: 'POST',
      headers: { ...json, ...headers },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.text()).not.toMatch(/node_modules|\.ts:/);
    await expectHealthy(example);
  });

  it.each([
    [
      'two lengths',
      'POST /graphql HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    ],
    [
      'a length and chunks',
      'POST /graphql HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no host', 'GET /graphql HTTP/1.1\r\n\r\n'],
    ['another protocol', 'SSH-2.0-x\r\n\r\n'],
    [
      'two origins',
      'POST /login HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    ],
  ])('on the socket with %s is refused', async (_what, text) => {
    const example = await startExample();
    const { port, host } = new URL(example.url);
    const socket = connectTcp(Number(port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write(text.replaceAll('HOST', host));
    await once(socket, 'close');
    expect(String(Buffer.concat(chunks))).toMatch(/^HTTP\/1\.1 40[03] /);
    await expectHealthy(example);
  });
});

describe('a client that is slow', () => {
  it.each([
    ['to send anything', ''],
    ['to send its headers', 'POST /graphql HTTP/1.1\r\nHost: HOST\r\nX-Part: '],
    [
      'to send its body',
      `POST /graphql HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"`,
    ],
  ])('%s is disconnected, and keeps nobody else waiting', async (_what, text) => {
    const example = await startExample({ headersTimeout: 300, requestTimeout: 600, timeoutCheck: 50 });
    const { port, host } = new URL(example.url);
    const socket = connectTcp(Number(port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    // What it sends while the server closes the connection resets it.
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text.replaceAll('HOST', host));
    // A byte now and then does not prolong it.
    const drip = setInterval(() => text !== '' && socket.write('x'), 100);
    await expectHealthy(example);
    await closed;
    clearInterval(drip);
    if (text !== '') expect(String(Buffer.concat(chunks))).toMatch(/^HTTP\/1\.1 408 /);
    await expectHealthy(example);
  });
});

describe('a hostile WebSocket message', () => {
  const subscribe = (payload: unknown, id: unknown = '1') => ({ id, type: 'subscribe', payload });

  it.each<[what: string, closed: number | null, message: unknown]>([
    ['nested thirty thousand deep', 4400, nested(30_000)],
    [
      'with variables nested thirty thousand deep',
      null,
      `{"id":"1","type":"subscribe","payload":{"query":"${query}","variables":{"a":${nested(30_000)}}}}`,
    ],
    ['with a query that is a number', 4400, subscribe({ query: 1 })],
    ['with variables that are text', 4400, subscribe({ query, variables: 'x' })],
    ['with an operation name that is an object', 4400, subscribe({ query, operationName: {} })],
    ['with an id that is a number', 4400, subscribe({ query }, 1)],
    ['with an id of fifty thousand characters', null, subscribe({ query }, 'x'.repeat(50_000))],
    ['that is null', 4400, 'null'],
    ['that is empty', 4400, ''],
    ['whose type is the prototype', 4400, { type: '__proto__' }],
  ])('%s ends no more than its own socket, with %s', async (_what, closed, message) => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    client.send(message);
    if (closed === null) {
      client.send({ type: 'ping' });
      expect((await client.others.next()).type).toBe('pong');
      await client.close();
    } else {
      expect((await client.closed).code).toBe(closed);
    }
    await expectHealthy(example);
  });

  it.each<[what: string, payload: unknown]>([
    ['a credential that is an object', { authorization: {} }],
    ['a credential of fifty thousand characters', { authorization: `Bearer ${'x'.repeat(50_000)}` }],
    ['a credential of two lines', { authorization: 'Bearer good-a\r\nx: y' }],
    ['the prototype as a credential', JSON.parse('{"__proto__":{"authorization":"Bearer good-a"}}')],
    ['no object', 'x'],
  ])('that opens the connection with %s is refused', async (_what, payload) => {
    const example = await startExample();
    const client = await open(example.url);
    client.send({ type: 'connection_init', payload });
    expect([4400, 4403]).toContain((await client.closed).code);
    await expectHealthy(example);
  });
});
