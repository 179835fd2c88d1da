import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AgentServer } from '../../src/agents/agent-server.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  callInProcess,
  context,
  installAgent,
  notesIn,
  openLocalSandboxes,
  request,
  serversIn,
} from './local-sandboxes.ts';

const first = { key: 'first', agent: 'demo', prompt: 'Paint it black' };

test('opens a session with the demo agent, which writes the prompt down in the checkout', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  const session = await provider.createSession(sandbox, endpoint, first, context());

  expect(session.sessionId).toMatch(/^demo-/);
  expect(await notesIn(sandbox.cwd)).toContain('Paint it black');
  expect(await new AgentServer(endpoint).conversations(context().signal)).toEqual(['first.1.1']);
});

test('keeps the token from other users and the server’s secrets from the agent', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  process.env.GROUNDCREW_TOKEN = 'owners-secret';
  process.env.DATABASE_URL = 'postgres://secret';
  const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
  const endpoint = await sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  delete process.env.GROUNDCREW_TOKEN;
  delete process.env.DATABASE_URL;

  const [pid] = await serversIn(sandboxes.root('one'));
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
  expect(environment).not.toMatch(/secret/);
  expect(environment).toContain(`HOME=${sandboxes.root('one')}/home\0`);
  expect((await stat(sandboxes.root('one'))).mode & 0o077).toBe(0);
  expect((await stat(join(sandboxes.root('one'), 'agent-servers', '1.json'))).mode & 0o077).toBe(0);
  expect(await readFile(join(sandboxes.root('one'), 'agent-server.log'), 'utf8')).not.toContain(
    endpoint.token,
  );
  expect((await fetch(`${endpoint.baseUrl}/v1/acp`)).status).toBe(401);
});

test('starts one agent server, however often and at once it is asked for', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
  const calls = Array.from({ length: 6 }, () =>
    sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context()),
  );
  const endpoints = new Set((await Promise.all(calls)).map(({ baseUrl, token }) => baseUrl + token));
  expect(endpoints.size).toBe(1);
  expect(await serversIn(sandboxes.root('one'))).toHaveLength(1);
});

test('finds the agent server again after the process that started it has died', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const args = [sandboxes.dataDir, repository.path, 'one', 'demo'];
  const printed = await callInProcess(args);
  const before = await serversIn(sandboxes.root('one'));
  expect(before).toHaveLength(1);

  const sandbox = await sandboxes.provider.createSandbox(request(repository.path), context());
  const endpoint = await sandboxes.provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  const again = { key: 'session-one', agent: 'demo', prompt: 'Prompt of one' };
  const { sessionId } = await sandboxes.provider.createSession(sandbox, endpoint, again, context());
  expect(printed).toContain(sessionId);
  expect(await serversIn(sandboxes.root('one'))).toEqual(before);
  expect((await notesIn(sandbox.cwd)).match(/## Task/g)).toHaveLength(1);
});

test('starts another server when the first was killed, ends what it left, and opens the session anew', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  const { sessionId } = await provider.createSession(sandbox, endpoint, first, context());
  const before = await sandboxes.running('one');
  for (const pid of await serversIn(sandboxes.root('one'))) process.kill(pid, 'SIGKILL');

  const gone = await rejection(provider.createSession(sandbox, endpoint, first, context()));
  expect(gone).toMatchObject({ code: 'AGENT_GONE', retryable: true });

  const next = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  expect(next.baseUrl).not.toBe(endpoint.baseUrl);
  expect((await sandboxes.running('one')).filter((pid) => before.includes(pid))).toEqual([]);
  const second = await provider.createSession(sandbox, next, first, context());
  expect(second.sessionId).not.toBe(sessionId);
});

test('says for good that an agent is unknown or not installed', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  for (const agent of ['nobody', 'mock', 'amp', '../../x', '']) {
    const error = await rejection(provider.ensureAgent(sandbox, { agent }, context()));
    expect(error).toMatchObject({ code: 'AGENT_FAILED', retryable: false });
    expect(error.message).toMatch(/^The agent ".*" is (unknown|not installed on this machine)\.$/);
  }
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  const error = await rejection(
    provider.createSession(sandbox, endpoint, { ...first, agent: 'amp' }, context()),
  );
  expect(error).toMatchObject({ code: 'AGENT_FAILED', retryable: false });
});

test('finds an agent that is installed for the user who runs the worker', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const data = await mkdtemp(join(tmpdir(), 'groundcrew-user-'));
  const launchers = join(data, 'sandbox-agent', 'bin', 'agent_processes');
  await mkdir(launchers, { recursive: true });
  await writeFile(join(launchers, 'amp-acp'), scripted(sandboxes.root('one'), 0), { mode: 0o755 });
  const own = process.env.XDG_DATA_HOME;
  process.env.XDG_DATA_HOME = data;
  try {
    const { provider } = sandboxes;
    const sandbox = await provider.createSandbox(request(repository.path), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
    const session = await provider.createSession(sandbox, endpoint, { ...first, agent: 'amp' }, context());
    expect(session).toEqual({ sessionId: 'scripted' });
  } finally {
    if (own === undefined) delete process.env.XDG_DATA_HOME;
    else process.env.XDG_DATA_HOME = own;
    await rm(data, { recursive: true });
  }
});

test.each([
  ['ends at once', '#!/bin/sh\necho no key >&2\nexit 3\n', 0o755, /no key/],
  ['is no program', 'garbage', 0o755, /cannot be asked/],
  ['may not be run', '#!/bin/sh\n', 0o644, /Permission denied/],
  [
    'talks something else',
    '#!/bin/sh\necho hello; read line; echo "{}"; exit 0\n',
    0o755,
    /exit code 0|not speak/,
  ],
  ['says nothing', '#!/bin/sh\nexec sleep 600\n', 0o755, /does not answer/],
  ['dies when asked', '#!/bin/sh\nread line; kill -9 $$\n', 0o755, /ended/],
  [
    'refuses to begin',
    '#!/bin/sh\nwhile read line; do echo \'{"jsonrpc":"2.0","id":"initialize","error":{"code":-32000,"message":"log in"}}\'; done\n',
    0o755,
    /not signed in: log in/,
  ],
])('rejects when the agent %s, and goes on when it is mended', async (_, script, mode, message) => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes({ agentTimeoutMs: 1_500 });
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
});

test('hands the prompt to an agent that is silent, once, and the turn goes on when the worker dies', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const root = sandboxes.root('one');
  const sandbox = await provider.createSandbox(request(repository.path), context());
  await installAgent(root, scripted(root, 3_000));
  // Killed when the agent has its prompt, long before the call would have come back.
  const args = [sandboxes.dataDir, repository.path, 'one', 'amp'];
  const requests = () => readFile(join(root, 'requests'), 'utf8').catch(() => '');
  const child = callInProcess(args, { after: 'agent', delayMs: 700 });
  await child;
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
  const again = { key: 'session-one', agent: 'amp', prompt: 'Prompt of one' };
  const sessions = await Promise.all(
    [1, 2, 3].map(() => provider.createSession(sandbox, endpoint, again, context())),
  );
  expect(sessions).toEqual([1, 2, 3].map(() => ({ sessionId: 'scripted' })));
  await waitFor(async () => (await requests()).includes('turn ended'));
  expect((await requests()).trim().split('\n')).toEqual([
    'initialize',
    'session/new',
    'session/prompt',
    'turn ended',
  ]);
});

/** A launcher of scripted-agent.mjs, which notes its requests in the sandbox's folder. */
function scripted(root: string, turnMs: number): string {
  const agent = fileURLToPath(new URL('./scripted-agent.mjs', import.meta.url));
  return `#!/bin/sh\nexec '${process.execPath}' '${agent}' '${join(root, 'requests')}' ${turnMs}\n`;
}
