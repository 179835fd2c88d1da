import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gql } from '@urql/core';
import { afterEach, expect, test, vi } from 'vitest';
import { toAsyncIterable } from 'wonka';
import { createGroundcrew } from '../../src/client/client.ts';
import { startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { startScriptedServer } from './scripted-server.ts';

const id = 'task_1';

/** In each state that a server can be in when the client is closed; `asked`: the client has got so far. */
const servers: [string, () => Promise<AsyncDisposable & { url: string; asked: () => boolean }>][] = [
  [
    'refuses connections',
    async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      server.close();
      const asked = performance.now() + 500;
      return {
        url: `http://127.0.0.1:${port}`,
        asked: () => performance.now() > asked,
        async [Symbol.asyncDispose]() {},
      };
    },
  ],
  [
    'accepts connections and says nothing',
    async () => {
      let connections = 0;
      const server = createServer((socket) => {
        connections += 1;
        socket.on('error', () => {});
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        asked: () => connections > 0,
        async [Symbol.asyncDispose]() {
          server.close();
        },
      };
    },
  ],
  ['does not acknowledge', () => scripted({ onConnect: () => null })],
  ['has closed for now', () => scripted({ onConnect: () => 1013 })],
  [
    'refuses the subscription for now',
    () =>
      scripted({
        onSubscribe: () => [
          { type: 'error', payload: [{ message: 'x', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
        ],
      }),
  ],
  ['serves', () => scripted({})],
];

async function scripted(script: Parameters<typeof startScriptedServer>[0]) {
  const server = await startScriptedServer(script);
  return {
    url: server.url,
    asked: () => server.connections.length > 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

afterEach(() => vi.unstubAllGlobals());

test.each(servers)('closes while the server %s', async (_what, start) => {
  await using server = await start();
  const groundcrew = createGroundcrew({ url: server.url, token: async () => 'any' });
  const task = groundcrew.watchTask(id).next();
  const tasks = groundcrew.watchTasks().next();
  const ready = groundcrew.whenReady(id).catch((error) => error);
  const document = gql`subscription { tasksUpdated { id } }`;
  const urql = toAsyncIterable(groundcrew.urql.subscription(document, {}))[Symbol.asyncIterator]().next();
  await waitFor(server.asked);

  await groundcrew.close();
  expect(await task).toEqual({ done: true, value: undefined });
  expect(await tasks).toEqual({ done: true, value: undefined });
  expect(await ready).toBeInstanceOf(Error);
  expect((await urql).done).toBe(true);
  await groundcrew.close();
});

test.each(servers)('lets the process end while the server %s', async (_what, start) => {
  await using server = await start();
  const program = `
    import { createGroundcrew } from './src/client/client.ts';
    const groundcrew = createGroundcrew({ url: '${server.url}', token: 'any' });
    const next = groundcrew.watchTask('${id}').next();
    process.once('SIGUSR2', async () => {
      await groundcrew.close();
      console.log('closed', (await next).done);
    });
    console.log('watching');
  `;
  const watching = startProcess(['node', '--input-type=module', '--eval', program]);
  await watching.waitForLine(/^watching/);
  await waitFor(server.asked);
  watching.kill('SIGUSR2');
  await watching.waitForLine(/^closed true/);
  const closed = performance.now();
  expect(await watching.exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - closed).toBeLessThan(1_000);
});

test('opens no socket any more once it is closed', async () => {
  await using server = await startScriptedServer({});
  const groundcrew = createGroundcrew({ url: server.url, token: 'any' });
  await groundcrew.close();
  const closed = 'the client is closed';
  await expect(groundcrew.watchTask(id).next()).rejects.toThrow(closed);
  await expect(groundcrew.watchTasks().next()).rejects.toThrow(closed);
  await expect(groundcrew.whenReady(id)).rejects.toThrow(closed);
  const { error } = await groundcrew.urql
    .subscription(gql`subscription { tasksUpdated { id } }`, {})
    .toPromise();
  expect(error?.message).toContain(closed);
  expect(server.connections).toEqual([]);
});

test('says what it needs where there is no WebSocket', () => {
  vi.stubGlobal('WebSocket', undefined);
  expect(() => createGroundcrew({ url: 'http://127.0.0.1:1', token: 'any' })).toThrow(/Node 22 or later/);
});
