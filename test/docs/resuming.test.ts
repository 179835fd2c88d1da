import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { startProcess } from '../support/processes.ts';
import { findPython } from '../support/python.ts';
import { blocksOf } from './blocks.ts';

let app: StartedApp;
let folder: string;
beforeAll(async () => {
  app = await startApp('api');
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-resuming-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(resolve('.'), join(folder, 'node_modules', 'groundcrew'));
  await symlink(resolve('node_modules/graphql-ws'), join(folder, 'node_modules', 'graphql-ws'));
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A way to the server whose connections can be cut. */
async function startWay() {
  const target = new URL(app.url);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const socket of [client, onward]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        onward.destroy();
      });
    }
    client.pipe(onward).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

const python = findPython('websockets');

it.for([
  ['watch-with-client.mjs', 'node'],
  ['watch-with-graphql-ws.mjs', 'node'],
  ['watch.py', python],
] as const)(
  'the example %s misses and repeats nothing when its connection is cut',
  async ([file, program], { skip }) => {
    if (program === undefined) return skip();
    await using way = await startWay();
    const text = (await blocksOf('subscriptions')).find((block) => block.file === file)?.text ?? '';
    await writeFile(join(folder, file), text.replaceAll('127.0.0.1:4000', way.address));
    const id = await app.create();
    await using watching = startProcess([program, join(folder, file)], {
      env: { GROUNDCREW_TOKEN: app.token, TASK: id, PYTHONUNBUFFERED: '1' },
    });
    await watching.waitForLine(/^1 /);
    way.cut();
    await app.stored.reviseTimes(id, 3);
    await watching.waitForLine(/^4 /);
    way.cut();
    await app.stored.reviseTimes(id, 2);
    await app.ask('mutation ($id: ID!) { cancelTask(id: $id) { id } }', { id });
    expect(await watching.exit).toEqual({ code: 0, signal: null });
    expect(watching.stdout.map((line) => line.split(' ')[0])).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    expect(watching.stdout.at(-1)).toBe('7 CANCELED');
  },
);
