import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isAlive, sandboxEnvVar, startOf } from '../../src/sandbox/local/processes.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import { context, openLocalSandboxes, request } from './local-sandboxes.ts';

test('ends all that runs in the sandbox, in sessions of its own too, and removes the folder', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  await provider.createSession(sandbox, endpoint, { key: 's', agent: 'demo', prompt: 'Hello' }, context());
  // As an agent would start a development server.
  const stray = spawn('sh', ['-c', 'sleep 600 & exec setsid sleep 600'], {
    cwd: sandbox.cwd,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, [sandboxEnvVar]: sandboxes.root('one') },
  });
  const ended = new Promise((resolve) => stray.once('exit', resolve));
  // The server, its agent, and both of those.
  await waitFor(async () => (await sandboxes.running('one')).length === 4);

  await provider.destroySandbox('one', context());
  await ended;
  expect(await sandboxes.running('one')).toEqual([]);
  expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual([]);
  expect(await provider.listSandboxes(context())).toEqual([]);
  await expect(fetch(endpoint.baseUrl)).rejects.toThrow();

  const calls = [
    () => provider.ensureAgent(sandbox, { agent: 'demo' }, context()),
    () => provider.createSession(sandbox, endpoint, { key: 's', agent: 'demo', prompt: 'Hello' }, context()),
  ];
  for (const call of calls) {
    expect(await rejection(call())).toMatchObject({ code: 'SANDBOX_GONE', retryable: true });
  }
  expect(await provider.listSandboxes(context())).toEqual([]);
});

test('leaves nothing of a sandbox that is destroyed at any moment while it gets ready', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  // After how many lines of progress: looking, checking out, starting the agent, handing over; none at all.
  for (const lines of [1, 2, 3, 4]) {
    const key = `task-${lines}`;
    const reached = Promise.withResolvers<void>();
    let heard = 0;
    const log = () => {
      heard += 1;
      if (heard === lines) reached.resolve();
    };
    const getReady = async () => {
      const sandbox = await provider.createSandbox(request(repository.path, { key }), { ...context(), log });
      const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, { ...context(), log });
      const session = { key: 's', agent: 'demo', prompt: 'Hello' };
      return await provider.createSession(sandbox, endpoint, session, { ...context(), log });
    };
    const ready = getReady().catch((error) => error);
    await reached.promise;
    await provider.destroySandbox(key, context());
    // Ready just before, or told that the sandbox is gone.
    expect([undefined, 'SANDBOX_GONE']).toContain((await ready).code);
    expect(await sandboxes.running(key)).toEqual([]);
    expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual([]);
  }
});

test('is no error when there is no sandbox, and may be called at once', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  await provider.destroySandbox('none', context());
  await provider.createSandbox(request(repository.path), context());
  await Promise.all([1, 2, 3].map(() => provider.destroySandbox('one', context())));
  expect(await provider.listSandboxes(context())).toEqual([]);
});

test('removes what processes that died have left half-made and half-removed', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const folder = join(sandboxes.dataDir, 'sandboxes');
  await provider.listSandboxes(context());
  for (const kind of ['making', 'removing'])
    await mkdir(join(folder, `one~${kind}~999999~1~abc`, 'checkout'), { recursive: true });
  await mkdir(join(folder, 'two~making~999999~1~abc'));
  const listed = await provider.listSandboxes(context());
  expect(listed.map(({ key }) => key).sort()).toEqual(['one', 'two']);
  expect(listed.every(({ createdAt }) => Math.abs(Date.now() - createdAt.getTime()) < 60_000)).toBe(true);

  await provider.createSandbox(request(repository.path), context());
  await provider.destroySandbox('two', context());
  expect(await readdir(folder)).toEqual(['one']);
});

test('kills no process that only has a pid of ours', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  await provider.createSandbox(request(repository.path), context());
  const other = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const start = (await startOf(other.pid ?? 0)) ?? '';
  const servers = join(sandboxes.root('one'), 'agent-servers');
  await mkdir(servers);
  await writeFile(join(servers, '1.json'), JSON.stringify({ port: 1, token: 'x' }));
  await writeFile(join(servers, '1.pid'), `${other.pid} ${start}`);
  await writeFile(join(servers, '2.json'), JSON.stringify({ port: 1, token: 'x' }));
  await writeFile(join(servers, '2.pid'), `${other.pid} 12345`);
  await provider.destroySandbox('one', context());
  expect(await isAlive({ pid: other.pid ?? 0, start })).toBe(true);
  other.kill('SIGKILL');
  await new Promise((resolve) => other.once('exit', resolve));
});
