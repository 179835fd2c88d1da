import { describe, expect, it } from 'vitest';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect, open } from '../support/graphql-ws-client.ts';
import { startExample } from './example-app.ts';

const token = 'good-a';
const query = 'subscription { thing { revision } }';

describe('App.stop', () => {
  it('closes sockets with 1012, spread over the drain window, and reports that it is not ready', async () => {
    const example = await startExample({ drainWindow: 200 });
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(example.url, { token })));
    clients[0]?.subscribe({ query });
    await clients[0]?.run({ query: '{ me }' });
    const closings: number[] = [];
    const closed = clients.map(async (client) => {
      const { code } = await client.closed;
      closings.push(performance.now());
      return code;
    });
    const stopped = example.app.stop();
    expect(example.app.stop()).toBe(stopped);
    expect((await fetch(`${example.url}/readyz`)).status).toBe(503);
    await expect(open(example.url)).rejects.toThrow('503');
    expect(new Set(await Promise.all(closed))).toEqual(new Set([1012]));
    expect((closings.at(-1) ?? 0) - (closings[0] ?? 0)).toBeGreaterThan(100);
    await stopped;
    await example.sources[0]?.closed.promise;
    await expect(fetch(`${example.url}/healthz`)).rejects.toThrow();
  });

  it('returns at once when no client is connected', async () => {
    const { app, url } = await startExample({ drainWindow: 60_000, finishTimeout: 60_000 });
    // Leaves an idle keep-alive connection behind.
    await fetchGraphql(url, token, '{ me }');
    await app.stop();
  });

  it('finishes running requests', async () => {
    const { app, url, gate, waiting } = await startExample({ finishTimeout: 60_000 });
    const answer = fetchGraphql(url, token, '{ waits }');
    await waiting.promise;
    const stopped = app.stop();
    gate.resolve('done');
    expect(await answer).toEqual({ status: 200, data: { waits: 'done' } });
    await stopped;
  });

  it('does not wait for requests that never finish', async () => {
    const { app, url, waiting } = await startExample({ finishTimeout: 20 });
    const answer = fetchGraphql(url, token, '{ waits }').catch((error: Error) => error);
    await waiting.promise;
    await app.stop();
    expect(await answer).toBeInstanceOf(Error);
  });

  it('terminates clients that do not answer the close frame', async () => {
    const { app, url } = await startExample();
    const client = await connect(url, { token });
    client.socket.pause();
    await app.stop();
    client.socket.resume();
    expect([1006, 1012]).toContain((await client.closed).code);
  });
});
