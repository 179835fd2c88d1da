import { describe, expect, it } from 'vitest';
import { connect, type GraphqlWsClient, open } from '../../support/graphql-ws-client.ts';
import { startExample } from '../example-app.ts';

// The cases of https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md that `operations.test.ts` does not show.

const token = 'good-a';
const watch = 'subscription { thing { revision } }';

/** Resolves once the server has handled all that the client sent before. */
async function settle(client: GraphqlWsClient): Promise<void> {
  client.send({ type: 'ping' });
  expect((await client.others.next()).type).toBe('pong');
}

describe('graphql-transport-ws', () => {
  it('answers a query with next and complete, and an error with error alone', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    const asked = client.subscribe({ query: '{ me }' });
    const refused = client.subscribe({ query: '{ missing }' });
    expect([(await asked.next()).type, (await asked.next()).type]).toEqual(['next', 'complete']);
    expect(await refused.next()).toMatchObject({ type: 'error', payload: [{ message: expect.any(String) }] });
    await settle(client);
    expect(asked.all.length + refused.all.length).toBe(3);
    await client.close();
  });

  it('sends nothing more for an operation that the client has completed', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const watched = client.subscribe({ query: watch });
    await settle(client);
    example.sources[0]?.push({ revision: 1 });
    await watched.next();
    watched.complete();
    await example.sources[0]?.closed.promise;
    example.sources[0]?.push({ revision: 2 });
    await settle(client);
    expect(watched.all).toHaveLength(1);
    await client.close();
  });

  it('sends no result of a query that is completed while it runs, and its id is free', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const waits = client.subscribe({ query: '{ waits }' }, 'a');
    await example.waiting.promise;
    waits.complete();
    await settle(client);
    example.gate.resolve('late');
    const again = client.subscribe({ query: '{ me }' }, 'a');
    expect(await again.next()).toEqual({ id: 'a', type: 'next', payload: { data: { me: token } } });
    expect(waits.all).toEqual([]);
    await client.close();
  });

  it('ignores the completion of an operation that it does not know, and pongs that it did not ask for', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    client.send({ type: 'pong', payload: { a: 1 } });
    client.send({ id: 'unknown', type: 'complete' });
    expect((await client.run({ query: '{ me }' })).type).toBe('next');
    await client.close();
  });

  it('answers pings before the connection is acknowledged', async () => {
    const { url } = await startExample();
    const client = await open(url);
    client.send({ type: 'ping' });
    expect(await client.others.next()).toEqual({ type: 'pong' });
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    expect(await client.others.next()).toEqual({ type: 'connection_ack' });
    await client.close();
  });

  it('keeps the operations of a socket apart: each has its own id, and an error ends one alone', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const first = client.subscribe({ query: watch });
    const second = client.subscribe({ query: watch });
    await settle(client);
    example.sources[0]?.fail(new Error('secret'));
    expect((await first.next()).type).toBe('error');
    example.sources[1]?.push({ revision: 7 });
    expect(await second.next()).toMatchObject({
      id: second.id,
      payload: { data: { thing: { revision: 7 } } },
    });
    await client.close();
  });

  it('runs nothing that a client sent after its close frame, and ends what it had started', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    client.subscribe({ query: watch });
    await settle(client);
    client.send({ id: 'before', type: 'subscribe', payload: { query: 'mutation { touch }' } });
    client.socket.close(1000);
    // `ws` sends nothing after the close frame, so this goes past it: a text frame with a mask of zeros.
    const late = Buffer.from('{"id":"late","type":"subscribe","payload":{"query":"mutation { touch }"}}');
    const raw = client.socket as unknown as { _socket: { write(data: Buffer): void } };
    raw._socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | late.length, 0, 0, 0, 0]), late]));
    expect((await client.closed).code).toBe(1000);
    await example.sources[0]?.closed.promise;
    expect(example.touched).toBe(1);
  });

  it('takes a message in a binary frame as text, and closes with 1007 for text that is not UTF-8', async () => {
    const { url } = await startExample();
    const client = await open(url);
    client.socket.send(
      Buffer.from(`{"type":"connection_init","payload":{"authorization":"Bearer ${token}"}}`),
    );
    expect(await client.others.next()).toEqual({ type: 'connection_ack' });
    client.socket.send(Buffer.from([0xff]), { binary: false });
    expect((await client.closed).code).toBe(1007);
  });

  it('closes with 4500 when the server fails at a message, and says nothing about why', async () => {
    const example = await startExample();
    const client = await open(example.url);
    const { push } = example.log;
    example.log.push = () => {
      example.log.push = push;
      throw new Error('secret of the log');
    };
    client.send({ type: 'connection_init' });
    const { code, reason } = await client.closed;
    expect(reason).not.toContain('secret');
    expect(code).toBe(4500);
  });

  it('closes with 4400 for the messages of the older protocol graphql-ws', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    client.send({ id: '1', type: 'start', payload: { query: '{ me }' } });
    expect((await client.closed).code).toBe(4400);
  });
});
