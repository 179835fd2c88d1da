import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, open } from '../../support/graphql-ws-client.ts';
import { MessageQueue } from '../../support/message-queue.ts';
import { startExample } from '../example-app.ts';

const token = 'good-a';
const query = 'subscription { thing { revision } }';

describe('a WebSocket', () => {
  it('runs queries, mutations and subscriptions', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const asked = client.subscribe({ query: '{ me }' });
    expect(await asked.next()).toEqual({ id: '1', type: 'next', payload: { data: { me: token } } });
    expect(await asked.next()).toEqual({ id: '1', type: 'complete' });
    expect((await client.run({ query: 'mutation { touch }' })).payload).toEqual({ data: { touch: 1 } });
    const watched = client.subscribe({ query }, 'an "id"');
    await client.run({ query: '{ me }' });
    example.sources[0]?.push({ revision: 1 });
    expect(await watched.next()).toEqual({
      id: 'an "id"',
      type: 'next',
      payload: { data: { thing: { revision: 1 } } },
    });
    example.sources[0]?.end();
    expect(await watched.next()).toEqual({ id: 'an "id"', type: 'complete' });
    await client.close();
  });

  const init = { type: 'connection_init', payload: { authorization: `Bearer ${token}` } };
  const subscribe = { id: '1', type: 'subscribe', payload: { query } };
  const long = { ...subscribe, id: 'ü'.repeat(200) };

  it.each<[what: string, code: number, messages: unknown[]]>([
    ['a message that is not JSON', 4400, ['{']],
    ['a message of an unknown type', 4400, [{ type: 'start' }]],
    ['a message that only servers send', 4400, [init, { id: '1', type: 'next', payload: {} }]],
    ['a subscribe without an id', 4400, [init, { ...subscribe, id: '' }]],
    ['a subscribe without a query', 4400, [init, { ...subscribe, payload: {} }]],
    ['a subscribe before the acknowledgement', 4401, [subscribe]],
    ['no token', 4403, [{ type: 'connection_init' }]],
    ['an id that is in use', 4409, [init, subscribe, subscribe]],
    ['a long id that is in use', 4409, [init, long, long]],
    ['a second initialisation', 4429, [init, init]],
    ['a message that is too large', 1009, ['x'.repeat(65_537)]],
  ])('is closed for %s with %i', async (_what, code, messages) => {
    const { url } = await startExample();
    const client = await open(url);
    const [first, ...rest] = messages;
    client.send(first);
    if (rest.length > 0) await client.others.next();
    for (const message of rest) client.send(message);
    expect((await client.closed).code).toBe(code);
  });

  it('is closed with 4408 when the client sends nothing', async () => {
    const { url } = await startExample({ connectionInitTimeout: 20 });
    expect((await (await open(url)).closed).code).toBe(4408);
  });

  it('speaks graphql-transport-ws with a client that offers the older protocol first, at /graphql/', async () => {
    const { url } = await startExample();
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/graphql/`,
      ['graphql-ws', 'graphql-transport-ws'],
      {
        headers: { authorization: `Bearer ${token}` },
      },
    );
    const messages = new MessageQueue<unknown>();
    socket.on('message', (data) => messages.push(JSON.parse(String(data))));
    await once(socket, 'open');
    expect(socket.protocol).toBe('graphql-transport-ws');
    socket.send('{"type": "connection_init", "payload": {}}');
    expect(await messages.next()).toEqual({ type: 'connection_ack' });
    socket.send('{"id": "1", "type": "subscribe", "payload": {"query": "{ me }", "operationName": ""}}');
    expect(await messages.next()).toEqual({ id: '1', type: 'next', payload: { data: { me: token } } });
    socket.close();
    await once(socket, 'close');
  });

  it('is closed with 4406 for another protocol', async () => {
    const { url } = await startExample();
    const client = await open(url, { protocol: 'graphql-ws' }).catch((error: Error) => error);
    // A client that offers protocols fails when none is chosen; other clients see the close frame.
    if (client instanceof Error) expect(client.message).toContain('no subprotocol');
    else expect((await client.closed).code).toBe(4406);
  });

  it('is closed with 1013, after which clients reconnect, when authentication breaks', async () => {
    const example = await startExample();
    example.authenticate = () => Promise.reject(new Error('secret of the database'));
    const client = await open(example.url);
    client.send(init);
    expect(await client.closed).toEqual({ code: 1013, reason: 'Authentication is unavailable' });
  });

  it('answers pings of the client', async () => {
    const { url } = await startExample();
    const client = await connect(url, { token });
    client.send({ type: 'ping', payload: { a: 1 } });
    expect(await client.others.next()).toEqual({ type: 'pong', payload: { a: 1 } });
    await client.close();
  });

  it('is terminated when the client does not answer pings', async () => {
    const { url } = await startExample({ keepAlive: 60 });
    const client = await connect(url, { token });
    client.socket.pong = () => undefined;
    expect((await client.closed).code).toBe(1006);
  });

  it('refuses more operations than the limit, until one has ended', async () => {
    const example = await startExample({ maxOperationsPerSocket: 2 });
    const client = await connect(example.url, { token });
    const first = client.subscribe({ query });
    client.subscribe({ query });
    expect(await client.run({ query })).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    first.complete();
    await example.sources[0]?.closed.promise;
    expect(await client.run({ query: '{ me }' })).toMatchObject({ type: 'next' });
    await client.close();
  });

  it('is refused with 404 on other paths', async () => {
    const { url } = await startExample();
    await expect(open(`${url}/elsewhere`)).rejects.toThrow('404');
  });

  it('accepts the id of a completed operation for a new one at once', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    // The source of the first operation is not open yet when the operation is completed.
    const late = Promise.withResolvers<void>();
    const open = example.openThing;
    example.openThing = async (args) => {
      example.openThing = open;
      await late.promise;
      return open(args);
    };
    client.send({ id: 'same', type: 'subscribe', payload: { query } });
    client.send({ id: 'same', type: 'complete' });
    const second = client.subscribe({ query }, 'same');
    await client.run({ query: '{ me }' });
    late.resolve();
    await client.run({ query: '{ me }' });
    expect(example.sources).toHaveLength(2);
    const [ofSecond, ofFirst] = example.sources;
    await ofFirst?.closed.promise;
    ofFirst?.push({ revision: 9 });
    ofSecond?.push({ revision: 1 });
    ofSecond?.end();
    expect(await second.next()).toMatchObject({ payload: { data: { thing: { revision: 1 } } } });
    expect(await second.next()).toMatchObject({ type: 'complete' });
    await client.close();
  });
});

describe('the source of a subscription', () => {
  it.each(['complete', 'close', 'terminate'] as const)(
    'is closed at once when the client leaves by %s',
    async (how) => {
      const example = await startExample();
      const client = await connect(example.url, { token });
      const subscription = client.subscribe({ query });
      await client.run({ query: '{ me }' });
      if (how === 'complete') subscription.complete();
      else if (how === 'close') await client.close();
      else client.terminate();
      await example.sources[0]?.closed.promise;
      if (how === 'complete') {
        await client.run({ query: '{ me }' });
        expect(subscription.all).toEqual([]);
        await client.close();
      }
    },
  );

  it('is closed when the client left before the source was open', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const late = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const open = example.openThing;
    example.openThing = async (args) => {
      asked.resolve();
      await late.promise;
      return open(args);
    };
    client.subscribe({ query });
    await asked.promise;
    await client.close();
    const other = await connect(example.url, { token });
    late.resolve();
    await other.run({ query: '{ me }' });
    expect(example.sources).toHaveLength(1);
    await example.sources[0]?.closed.promise;
    await other.close();
  });

  it('is closed for each of many clients that terminate', async () => {
    const example = await startExample();
    for (let round = 0; round < 10; round += 1) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect(example.url, { token })));
      for (const client of clients) client.subscribe({ query });
      await Promise.all(clients.map((client) => client.run({ query: '{ me }' })));
      for (const client of clients) client.terminate();
    }
    expect(example.sources).toHaveLength(200);
    await Promise.all(example.sources.map((source) => source.closed.promise));
  });
});
