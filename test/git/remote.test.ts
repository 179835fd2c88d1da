import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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

describe('listRemote', () => {
  it('returns branches, tags and the default branch', async () => {
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

  it('throws BASE_REF_NOT_FOUND for a ref that does not exist', async () => {
    await using repository = await createGitRepository();
    const remote = await listRemote(repository.path, local);
    expect(() => resolveBaseRef(remote, 'nowhere')).toThrow(
      expect.objectContaining({ code: 'BASE_REF_NOT_FOUND', retryable: false }),
    );
  });

  it('throws REPOSITORY_EMPTY for a repository without a commit', async () => {
    await using repository = await createGitRepository({ empty: true });
    const error = await rejection(listRemote(repository.path, local));
    expect(error).toMatchObject({ code: 'REPOSITORY_EMPTY', retryable: false });
  });

  it('says that git is too old for the format of a repository, and does not try again', async () => {
    await using repository = await createGitRepository();
    repository.git('config', 'core.repositoryFormatVersion', '1');
    repository.git('config', 'extensions.ofTheFuture', 'true');
    const error = await rejection(listRemote(repository.path, local));
    expect(error).toMatchObject({ code: 'REPOSITORY_NOT_FOUND', retryable: false });
    expect(error.message).toMatch(/^The git of the server cannot read .* Update git, .* found: ofthefuture$/);
  });

  it.each([404, 401, 403])('throws REPOSITORY_NOT_FOUND when the host answers %i', async (status) => {
    await using server = await answering(status);
    const error = await rejection(listRemote(`http://${server.host}/o/r.git`, local));
    expect(error).toMatchObject({ code: 'REPOSITORY_NOT_FOUND', retryable: false });
  });

  it.each([500, 503, 429])('throws REPOSITORY_UNREACHABLE when the host answers %i', async (status) => {
    await using server = await answering(status);
    const error = await rejection(listRemote(`http://${server.host}/o/r.git`, local));
    expect(error).toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
  });

  it('throws REPOSITORY_UNREACHABLE for a host that refuses, is unknown or does not answer in time', async () => {
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

  it('shows no credentials of the address in its error', async () => {
    await using server = await answering(401);
    const addresses = [`http://user:hunter2@${server.host}/o/r`, 'https://user:hunter2@host.invalid/o/r'];
    for (const address of addresses) {
      const error = await rejection(listRemote(address, local));
      expect(
        JSON.stringify([error, error.message, (error as Error).stack, String((error as Error).cause)]),
      ).not.toContain('hunter2');
    }
  });

  it('throws REPOSITORY_NOT_FOUND for a path that is no repository', async () => {
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

  it.skipIf(process.getuid?.() !== 0)(
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

  it('ends git and its children when the signal aborts', async () => {
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
    await closed; // git's child, which held the connection, has ended too
    await new Promise((resolve) => silent.close(resolve));
  });
});
