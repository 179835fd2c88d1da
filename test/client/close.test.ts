import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { gql } from '@urql/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { toAsyncIterable } from 'wonka';
import { createGroundcrew } from '../../src/client/client.ts';
import { startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { startScriptedServer } from './scripted-server.ts';

const id = 'task_1';

interface Server extends AsyncDisposable {
  readonly url: string;
  /** Whether the client has got as far with this server as it can. */
  isReached(): boolean;
}

/** One for each state that a server can be in when the client is closed. */
const servers: [string, () => Promise<Server>][] = [
  // Twice, so that the client is closed while it waits for its next attempt or makes it.
  ['drops every connection', () => listen((socket) => socket.destroy(), { reachedAfter: 2 })],
  ['accepts connections and is silent', () => listen(() => {}, { reachedAfter: 1 })],
  ['does not acknowledge', () => scripted({ onConnect: () => null })],
  ['closes sockets with 1013', () => scripted({ onConnect: () => 1013 })],
  [
    'answers subscriptions with a transient error',
    () =>
      scripted({
        onSubscribe: () => [
          { type: 'error', payload: [{ message: 'x', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
        ],
      }),
  ],
  ['keeps subscriptions open', () => scripted({})],
];

/** A TCP server that does not speak HTTP. */
async function listen(onConnection: (socket: Socket) => void, options: { reachedAfter: number }) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isReached: () => sockets.length >= options.reachedAfter,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function scripted(script: Parameters<typeof startScriptedServer>[0]) {
  const server = await startScriptedServer(script);
  return {
    url: server.url,
    isReached: () => server.connections.length > 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

afterEach(() => vi.unstubAllGlobals());

describe('a Groundcrew client', () => {
  it.each(servers)('ends all its watches when it is closed while the server %s', async (_what, start) => {
    await using server = await start();
    const groundcrew = createGroundcrew({ url: server.url, token: async () => 'any' });
    const task = groundcrew.watchTask(id).next();
    const tasks = groundcrew.watchTasks().next();
    const ready = groundcrew.whenReady(id).catch((error) => error);
    const document = gql`subscription { tasksUpdated { id } }`;
    const urql = toAsyncIterable(groundcrew.urql.subscription(document, {}))[Symbol.asyncIterator]().next();
    await waitFor(server.isReached);

    await groundcrew.close();
    expect(await task).toEqual({ done: true, value: undefined });
    expect(await tasks).toEqual({ done: true, value: undefined });
    expect(await ready).toBeInstanceOf(Error);
    expect((await urql).done).toBe(true);
    await groundcrew.close();
  });

  it('lets the process exit when it is closed, whatever state its server is in', async () => {
    await using parts = new AsyncDisposableStack();
    const started = await Promise.all(servers.map(([, start]) => start()));
    for (const server of started) parts.use(server);
    const program = `
    import { createGroundcrew } from './src/client/client.ts';
    const urls = ${JSON.stringify(started.map(({ url }) => url))};
    const clients = urls.map((url) => createGroundcrew({ url, token: 'any' }));
    const watches = clients.map((client) => client.watchTask('${id}').next());
    process.once('SIGUSR2', async () => {
      for (const client of clients) await client.close();
      console.log('closed', (await Promise.all(watches)).every(({ done }) => done));
    });
    console.log('watching');
  `;
    const watching = startProcess(['node', '--input-type=module', '--eval', program]);
    await watching.waitForLine(/^watching/);
    for (const { isReached } of started) await waitFor(isReached);
    watching.kill('SIGUSR2');
    await watching.waitForLine(/^closed true/);
    const closed = performance.now();
    expect(await watching.exit).toEqual({ code: 0, signal: null });
    // Less than the interval of pings: their timer would keep the process alive.
    expect(performance.now() - closed).toBeLessThan(5_000);
  });

  it('refuses to watch and opens no socket once it is closed', async () => {
    await using server = await startScriptedServer({});
    const groundcrew = createGroundcrew({ url: server.url, token: 'any' });
    await groundcrew.close();
    const closed = 'The client is closed.';
    await expect(groundcrew.watchTask(id).next()).rejects.toThrow(closed);
    await expect(groundcrew.watchTasks().next()).rejects.toThrow(closed);
    await expect(groundcrew.whenReady(id)).rejects.toThrow(closed);
    const { error } = await groundcrew.urql
      .subscription(gql`subscription { tasksUpdated { id } }`, {})
      .toPromise();
    expect(error?.message).toContain(closed);
    expect(server.connections).toEqual([]);
  });

  it('names the versions of Node that it needs when there is no WebSocket', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => createGroundcrew({ url: 'http://127.0.0.1:1', token: 'any' })).toThrow(/Node 22 or later/);
  });
});
