import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlive, startTimeOf } from '../../src/process-identity.ts';
import { markersEnvironment } from '../../src/sandbox/local/processes.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { startProcess } from '../support/processes.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import { context, openLocalSandboxes, request } from './local-sandboxes.ts';

const session = { key: 's', agent: 'demo', prompt: 'Hello' };

describe('destroySandbox of the provider local', () => {
  it('ends every process of the sandbox, also one in a session of its own, and removes the folder', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    await provider.createSession(sandbox, endpoint, session, context());
    // As an agent would start a development server.
    const server = startProcess(['sh', '-c', 'sleep 600 & exec setsid sleep 600'], {
      cwd: sandbox.cwd,
      env: markersEnvironment(await sandboxes.marker('one')),
    });
    // The agent server, its agent, and both processes of the shell.
    await waitFor(async () => (await sandboxes.running('one')).length === 4);

    await provider.destroySandbox('one', context());
    expect(await sandboxes.running('one')).toEqual([]);
    await server.exit;
    expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual([]);
    expect(await provider.listSandboxes(context())).toEqual([]);
    await expect(fetch(endpoint.baseUrl)).rejects.toThrow();
  });

  it('makes later calls fail with SANDBOX_GONE', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    await provider.destroySandbox('one', context());
    const calls = [
      () => provider.ensureAgent(sandbox, { agent: 'demo' }, context()),
      () => provider.createSession(sandbox, endpoint, session, context()),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject({ code: 'SANDBOX_GONE', retryable: true });
    }
    expect(await provider.listSandboxes(context())).toEqual([]);
  });

  // After how many lines of progress: looking, checking out, starting the agent.
  it.each([1, 2, 3])(
    'leaves nothing of a sandbox that is destroyed after its line of progress number %i',
    async (lines) => {
      await using repository = await createGitRepository();
      await using sandboxes = await openLocalSandboxes();
      const { provider } = sandboxes;
      const reached = Promise.withResolvers<void>();
      let printed = 0;
      const log = () => {
        printed += 1;
        if (printed === lines) reached.resolve();
      };
      const provision = async () => {
        const sandbox = await provider.createSandbox(request(repository.path), { ...context(), log });
        const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, { ...context(), log });
        return await provider.createSession(sandbox, endpoint, session, { ...context(), log });
      };
      const outcome = provision().catch((error) => error);
      await reached.promise;
      await provider.destroySandbox('one', context());
      // Undefined: it was finished just before.
      expect([undefined, 'SANDBOX_GONE']).toContain((await outcome).code);
      expect(await sandboxes.running('one')).toEqual([]);
      expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual([]);
    },
  );

  it('succeeds when the sandbox does not exist', async () => {
    await using sandboxes = await openLocalSandboxes();
    await sandboxes.provider.destroySandbox('none', context());
  });

  it('succeeds in each of several calls at the same time', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    await provider.createSandbox(request(repository.path), context());
    await Promise.all([1, 2, 3].map(() => provider.destroySandbox('one', context())));
    expect(await provider.listSandboxes(context())).toEqual([]);
  });

  it('kills no process that only has a recorded pid', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    await provider.createSandbox(request(repository.path), context());
    await using other = startProcess(['sleep', '600']);
    const start = (await startTimeOf(other.pid)) ?? '';
    const servers = join(sandboxes.root('one'), 'agent-servers');
    await mkdir(servers);
    for (const [number, startTime] of [start, '12345'].entries()) {
      await writeFile(join(servers, `${number + 1}.json`), JSON.stringify({ port: 1, token: 'x' }));
      await writeFile(join(servers, `${number + 1}.pid`), `${other.pid} ${startTime}`);
    }
    await provider.destroySandbox('one', context());
    expect(await isAlive({ pid: other.pid, start })).toBe(true);
  });
});

describe('folders that processes left half made and half removed', () => {
  it('are listed, and removed by the next call for their key', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const folder = join(sandboxes.dataDir, 'sandboxes');
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
});
