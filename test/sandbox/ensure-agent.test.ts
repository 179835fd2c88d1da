import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTimeOf } from '../../src/process-identity.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { startProcess } from '../support/processes.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import { context, openLocalSandboxes, request } from './local-sandboxes.ts';

afterEach(() => vi.unstubAllEnvs());

describe('ensureAgent of the provider local', () => {
  it('passes no secret of Groundcrew on to the agent server', async () => {
    vi.stubEnv('GROUNDCREW_TOKEN', 'owners-secret');
    vi.stubEnv('DATABASE_URL', 'postgres://secret');
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
    await sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context());

    const [pid] = await sandboxes.servers('one');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    expect(environment).not.toMatch(/secret/);
    expect(environment).toContain(`HOME=${sandboxes.root('one')}/home\0`);
  });

  it('keeps the token of the agent server from other users and out of its log', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
    const { baseUrl, token } = await sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context());

    const root = sandboxes.root('one');
    expect((await stat(root)).mode & 0o077).toBe(0);
    expect((await stat(join(root, 'agent-servers', '1.json'))).mode & 0o077).toBe(0);
    expect(await readFile(join(root, 'agent-server.log'), 'utf8')).not.toContain(token);
    expect((await fetch(`${baseUrl}/v1/acp`)).status).toBe(401);
  });

  it('starts one agent server when several calls ask for it at the same time', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
    const calls = Array.from({ length: 6 }, () =>
      sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context()),
    );
    const endpoints = new Set((await Promise.all(calls)).map(({ baseUrl, token }) => baseUrl + token));
    expect(endpoints.size).toBe(1);
    expect(await sandboxes.servers('one')).toHaveLength(1);
  });

  it('starts another server when the first is a zombie, as in a container without an init', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const root = sandboxes.root('one');
    // The shell's child stays a zombie, because `sleep`, which takes the shell's place, does not wait for it.
    await using parent = startProcess(['sh', '-c', 'sleep 600 & echo $!; exec sleep 600']);
    const pid = Number((await parent.waitForLine(/^\d+$/))[0]);
    const start = await startTimeOf(pid);
    // Until then the shell itself would wait for its child.
    await waitFor(async () => (await readFile(`/proc/${parent.pid}/cmdline`, 'utf8')).startsWith('sleep'));
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => / Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8')));
    await mkdir(join(root, 'agent-servers'));
    await writeFile(join(root, 'agent-servers', '1.json'), JSON.stringify({ port: 1, token: 'x' }));
    await writeFile(join(root, 'agent-servers', '1.pid'), `${pid} ${start}`);

    await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    expect(await sandboxes.servers('one')).toHaveLength(1);
  });

  it('says why the shell that starts the server failed, and starts it once that is mended', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    vi.stubEnv('PATH', '/nowhere');
    const error = await rejection(provider.ensureAgent(sandbox, { agent: 'demo' }, context()));
    expect(error.message).toMatch(
      /^The agent server cannot be started: its shell ended with 127 \(.*cat: .*not found\)\.$/,
    );

    vi.unstubAllEnvs();
    await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    expect(await sandboxes.servers('one')).toHaveLength(1);
  });

  it('fails for good when the agent is unknown or not installed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    for (const agent of ['nobody', 'mock', 'amp', '../../x', '']) {
      const error = await rejection(provider.ensureAgent(sandbox, { agent }, context()));
      expect(error).toMatchObject({ code: 'AGENT_FAILED', retryable: false });
      expect(error.message).toMatch(/^The agent ".*" is (unknown|not installed on this machine)\.$/);
    }
  });
});
