import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listRemote, resolveBaseRef } from '../../src/git/remote.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';

const local = { allowLocal: true };

/** A web server that answers everything with one status. */
async function answering(status: number) {
  const server = createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

test('lists branches and tags and knows the default branch', async () => {
  await using repository = await createGitRepository();
  repository.git('tag', '--annotate', '--message', 'v1', 'v1');
  repository.git('branch', 'feature/one');
  const remote = await listRemote(repository.path, local);
  expect([...remote.branches].sort()).toEqual(['feature/one', 'main']);
  expect(remote.defaultBranch).toBe('main');
  expect(resolveBaseRef(remote, 'feature/one')).toBe(repository.git('rev-parse', 'main'));
  expect(resolveBaseRef(remote, 'v1')).toBe(repository.git('rev-parse', 'v1'));
  expect(resolveBaseRef(remote, null)).toBe(repository.git('rev-parse', 'main'));
});

test('says that a base ref does not exist', async () => {
  await using repository = await createGitRepository();
  const remote = await listRemote(repository.path, local);
  expect(() => resolveBaseRef(remote, 'nowhere')).toThrow(
    expect.objectContaining({ code: 'BASE_REF_NOT_FOUND', retryable: false }),
  );
});

test('says that a repository is empty', async () => {
  await using repository = await createGitRepository({ empty: true });
  const error = await rejection(listRemote(repository.path, local));
  expect(error).toMatchObject({ code: 'REPOSITORY_EMPTY', retryable: false });
});

test.each([404, 401, 403])(
  'takes a repository that answers %i for one that does not exist',
  async (status) => {
    await using server = await answering(status);
    const error = await rejection(listRemote(`http://${server.host}/o/r.git`, local));
    expect(error).toMatchObject({ code: 'REPOSITORY_NOT_FOUND', retryable: false });
  },
);

test.each([500, 503, 429])('tries a host that answers %i again', async (status) => {
  await using server = await answering(status);
  const error = await rejection(listRemote(`http://${server.host}/o/r.git`, local));
  expect(error).toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
});

test('tries a host again that refuses, is unknown, or says nothing in time', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  const looks = [
    listRemote('http://127.0.0.1:9/o/r', local),
    listRemote('https://host.invalid/o/r', local),
    listRemote('ssh://git@127.0.0.1:9/o/r', local),
    listRemote(`http://127.0.0.1:${port}/o/r`, { ...local, timeoutMs: 300 }),
  ];
  for (const error of await Promise.all(looks.map(rejection))) {
    expect(error).toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
  }
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
});

test('never says what credentials an address holds', async () => {
  await using server = await answering(401);
  const addresses = [`http://user:hunter2@${server.host}/o/r`, 'https://user:hunter2@host.invalid/o/r'];
  for (const address of addresses) {
    const error = await rejection(listRemote(address, local));
    expect(
      JSON.stringify([error, error.message, (error as Error).stack, String((error as Error).cause)]),
    ).not.toContain('hunter2');
  }
});

test('finds no repository where there is none on this machine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-none-'));
  const file = join(folder, 'file');
  await writeFile(file, 'no repository');
  for (const path of [folder, file, `${folder}/missing`, `file://${folder}`]) {
    expect(await rejection(listRemote(path, local))).toMatchObject({
      code: 'REPOSITORY_NOT_FOUND',
      retryable: false,
    });
  }
  await rm(folder, { recursive: true });
});

test.skipIf(process.getuid?.() !== 0)(
  'reads a repository on this machine that another user owns',
  async () => {
    await using repository = await createGitRepository();
    const entries = await readdir(repository.path, { recursive: true });
    for (const entry of ['', ...entries]) await chown(join(repository.path, entry), 12_345, 12_345);
    const remote = await listRemote(repository.path, local);
    expect(remote.defaultBranch).toBe('main');
    expect((await listRemote(`file://${repository.path}/`, local)).defaultBranch).toBe('main');
  },
);

test('ends git when the signal aborts', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const controller = new AbortController();
  const closed = new Promise((resolve) =>
    silent.once('connection', (socket) => {
      socket.once('close', resolve);
      controller.abort(new Error('canceled'));
    }),
  );
  const { port } = silent.address() as AddressInfo;
  const look = listRemote(`http://127.0.0.1:${port}/o/r`, { ...local, signal: controller.signal });
  await expect(look).rejects.toThrow('canceled');
  await closed; // git's helper, which held the connection, is dead too
  await new Promise((resolve) => silent.close(resolve));
});
