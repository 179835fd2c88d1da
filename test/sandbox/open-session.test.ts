import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTimeOf } from '../../src/process-identity.ts';
import { latestServer } from '../../src/sandbox/local/agent/agent-servers.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { startProcess } from '../support/processes.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  callInProcess,
  context,
  conversationsOf,
  installAgent,
  openLocalSandboxes,
  request,
} from './local-sandboxes.ts';

const first = { key: 'first', agent: 'demo', prompt: 'Paint it black' };

afterEach(() => vi.unstubAllEnvs());

describe('createSession of the provider local', () => {
  it('opens a session with the demo agent, and says how it is followed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const session = await provider.createSession(sandbox, endpoint, first, context());

    expect(session.sessionId).toMatch(/^demo-/);
    expect(session.acp?.server).toMatch(/^first\.\d+\.1$/);
    expect(await conversationsOf(endpoint)).toEqual([session.acp?.server]);
  });

  it('finds the session again after the process that opened it has ended', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const printed = await callInProcess([sandboxes.dataDir, repository.path, 'one', 'demo']);
    const before = await sandboxes.servers('one');
    expect(before).toHaveLength(1);

    const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
    const endpoint = await sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const again = { key: 'session-one', agent: 'demo', prompt: 'Prompt of one' };
    const { sessionId } = await sandboxes.provider.createSession(sandbox, endpoint, again, context());
    expect(printed).toContain(sessionId);
    expect(await sandboxes.servers('one')).toEqual(before);
    expect(await conversationsOf(endpoint)).toHaveLength(1);
  });

  it('opens the session anew with another agent server when the first was killed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const { sessionId } = await provider.createSession(sandbox, endpoint, first, context());
    const before = await sandboxes.running('one');
    for (const pid of await sandboxes.servers('one')) process.kill(pid, 'SIGKILL');

    const gone = await rejection(provider.createSession(sandbox, endpoint, first, context()));
    expect(gone).toMatchObject({ code: 'AGENT_GONE', retryable: true });

    const next = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    expect(next.baseUrl).not.toBe(endpoint.baseUrl);
    // The agents of the killed server too.
    expect((await sandboxes.running('one')).filter((pid) => before.includes(pid))).toEqual([]);
    const second = await provider.createSession(sandbox, next, first, context());
    expect(second.sessionId).not.toBe(sessionId);
  });

  it('fails for good when its agent is not installed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const wanted = { ...first, agent: 'amp' };
    const error = await rejection(provider.createSession(sandbox, endpoint, wanted, context()));
    expect(error).toMatchObject({ code: 'AGENT_FAILED', retryable: false });
  });

  it('finds an agent that is installed for the user of the worker', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const data = await mkdtemp(join(tmpdir(), 'groundcrew-user-'));
    try {
      const launchers = join(data, 'sandbox-agent', 'bin', 'agent_processes');
      await mkdir(launchers, { recursive: true });
      await writeFile(join(launchers, 'amp-acp'), scripted(sandboxes.root('one'), 0), { mode: 0o755 });
      vi.stubEnv('XDG_DATA_HOME', data);
      const { provider } = sandboxes;
      const sandbox = await provider.createSandbox(request(repository.path), context());
      const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
      const session = await provider.createSession(sandbox, endpoint, { ...first, agent: 'amp' }, context());
      expect(session.sessionId).toBe('scripted');
    } finally {
      await rm(data, { recursive: true });
    }
  });

  it.each([
    ['ends at once', '#!/bin/sh\necho no key >&2\nexit 3\n', 0o755, /no key/],
    ['is no program', 'garbage', 0o755, /cannot be asked/],
    ['may not be executed', '#!/bin/sh\n', 0o644, /Permission denied/],
    [
      'speaks another protocol',
      '#!/bin/sh\necho hello; read line; echo "{}"; exit 0\n',
      0o755,
      /exit code 0|not speak/,
    ],
    ['dies at the first request', '#!/bin/sh\nread line; kill -9 $$\n', 0o755, /ended/],
    [
      'refuses the first request',
      '#!/bin/sh\nwhile read line; do echo \'{"jsonrpc":"2.0","id":"initialize","error":{"code":-32000,"message":"log in"}}\'; done\n',
      0o755,
      /not signed in: log in/,
    ],
  ])(
    'rejects when the agent %s, and succeeds once the agent is repaired',
    async (_, script, mode, message) => {
      await using repository = await createGitRepository();
      await using sandboxes = await openLocalSandboxes();
      const { provider } = sandboxes;
      const sandbox = await provider.createSandbox(request(repository.path), context());
      const root = sandboxes.root('one');
      await installAgent(root, script, mode);
      const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
      const wanted = { ...first, agent: 'amp' };
      const error = await rejection(provider.createSession(sandbox, endpoint, wanted, context()));
      expect(error.code).toMatch(/^(AGENT|SESSION)_FAILED$/);
      expect(error.message).toMatch(message);
      await waitFor(async () => (await sandboxes.running('one')).length === 1); // the server alone

      await installAgent(root, scripted(root, 0));
      const session = await provider.createSession(sandbox, endpoint, wanted, context());
      expect(session.sessionId).toBe('scripted');
    },
  );

  it('rejects when the agent says nothing, and ends the agent', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes({ agentTimeoutMs: 500 });
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    await installAgent(sandboxes.root('one'), '#!/bin/sh\nexec sleep 600\n');
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
    const opening = provider.createSession(sandbox, endpoint, { ...first, agent: 'amp' }, context());
    const error = await rejection(opening);
    expect(error).toMatchObject({ code: 'AGENT_FAILED', message: 'The agent does not answer.' });
    await waitFor(async () => (await sandboxes.running('one')).length === 1); // the server alone
  });

  it('sends a request that the holder of its claim has not sent before it died', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const holder = startProcess(['sleep', '600']);
    const claims = await writeClaim(sandboxes.root('one'), 'initialize-1', holder.pid);
    const opening = provider.createSession(sandbox, endpoint, first, context());
    // The call listens to the conversation and waits for the request.
    const log = join(sandboxes.root('one'), 'agent-server.log');
    await waitFor(async () => (await readFile(log, 'utf8')).includes('GET uri=/v1/acp/first.'));
    expect(await claims()).toEqual(['initialize-1']);

    holder.kill('SIGKILL');
    expect((await opening).sessionId).toMatch(/^demo-/);
    expect(await claims()).toContain('initialize-2');
  });

  it('sends a request that the holder of its claim has given up, though its process lives', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    await using holder = startProcess(['sleep', '600']);
    await writeClaim(sandboxes.root('one'), 'initialize-1', holder.pid);
    await writeClaim(sandboxes.root('one'), 'initialize-1-given-up', holder.pid);
    const session = await provider.createSession(sandbox, endpoint, first, context());
    expect(session.sessionId).toMatch(/^demo-/);
  });

  it('asks the agent server directly when the environment names a proxy', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const proxies = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
    const printed = await callInProcess([sandboxes.dataDir, repository.path, 'one', 'demo'], {
      env: {
        NODE_USE_ENV_PROXY: '1',
        ...Object.fromEntries(proxies.map((name) => [name, 'http://127.0.0.1:9'])),
        NO_PROXY: 'example.com',
        no_proxy: 'example.com',
      },
    });
    expect(printed).toMatch(/^demo-/);
  });

  it('opens one session in several calls at once, after the first one was killed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { provider } = sandboxes;
    const root = sandboxes.root('one');
    const sandbox = await provider.createSandbox(request(repository.path), context());
    await installAgent(root, scripted(root, 0));
    const requests = () => readFile(join(root, 'requests'), 'utf8').catch(() => '');
    // Killed when the agent has been asked for a session.
    await callInProcess([sandboxes.dataDir, repository.path, 'one', 'amp'], {
      killWhen: async () => (await requests()).includes('session/new'),
    });
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
    const again = { key: 'session-one', agent: 'amp', prompt: 'Prompt of one' };
    const sessions = await Promise.all(
      [1, 2, 3].map(() => provider.createSession(sandbox, endpoint, again, context())),
    );
    expect(new Set(sessions.map(({ acp }) => acp?.server)).size).toBe(1);
    expect((await requests()).trim().split('\n')).toEqual(['initialize', 'session/new']);
  });
});

/** Writes a claim of the process `pid` for the first session; returns a function that lists all claims. */
async function writeClaim(root: string, name: string, pid: number): Promise<() => Promise<string[]>> {
  const folder = join(root, 'sessions', 'first');
  await mkdir(folder, { recursive: true });
  const claim = { pid, start: await startTimeOf(pid), call: 'another' };
  const server = await latestServer(join(root, 'agent-servers'));
  await writeFile(join(folder, `${server?.number}.1-${name}`), JSON.stringify(claim));
  return async () => {
    const files = (await readdir(folder)).filter((file) => !file.includes('~')); // no drafts
    return files.map((file) => file.replace(/^.*?-/, ''));
  };
}

/** A launcher of scripted-agent.mjs, which writes its requests to a file in the sandbox's folder. */
function scripted(root: string, turnMs: number): string {
  const agent = fileURLToPath(new URL('./scripted-agent.mjs', import.meta.url));
  return `#!/bin/sh\nexec '${process.execPath}' '${agent}' '${join(root, 'requests')}' ${turnMs}\n`;
}
