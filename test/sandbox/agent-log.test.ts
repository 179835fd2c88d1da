import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AgentLog } from '../../src/sandbox/local/agent/agent-log.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';
import { context, conversationsOf, installAgent, openLocalSandboxes, request } from './local-sandboxes.ts';

const checkedVersion = '0.4.2';

it(`reads a log of sandbox-agent ${checkedVersion}, the installed version`, () => {
  const require = createRequire(import.meta.url);
  const { version } = require('@sandbox-agent/cli/package.json');
  expect(
    version,
    `sandbox-agent is now ${version}. The patterns in src/sandbox/local/agent/agent-log.ts were checked with ` +
      `${checkedVersion}. When the other tests of this file pass, write ${version} into checkedVersion; otherwise ` +
      'adapt the patterns to what the new version logs.',
  ).toBe(checkedVersion);
});

it('finds the requests that a server has written to an agent, and the pid of the agent', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
  const session = { key: 'first', agent: 'demo', prompt: 'Paint it black' };
  await provider.createSession(sandbox, endpoint, session, context());
  const [conversation = ''] = await conversationsOf(endpoint);

  const log = new AgentLog(join(sandboxes.root('one'), 'agent-server.log'));
  for (const id of ['initialize', 'session']) expect(await log.hasForwarded(conversation, id), id).toBe(true);
  expect(await log.hasForwarded(conversation, 'another')).toBe(false);
  expect(await log.hasForwarded('another', 'session')).toBe(false);

  const servers = await sandboxes.servers('one');
  const agents = (await sandboxes.running('one')).filter((pid) => !servers.includes(pid));
  expect(agents).toEqual([await log.agentPid(conversation)]);
  expect(await log.agentPid('another')).toBeUndefined();
});

it.each([
  ['an agent’s stderr', '#!/bin/sh\necho the key is missing >&2\nexit 3\n', 0o755, ' (the key is missing)'],
  ['the server’s own error', '#!/bin/sh\n', 0o644, expect.stringContaining('Permission denied')],
])('finds the reason of a failure in %s', async (_, script, mode, reason) => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const sandbox = await provider.createSandbox(request(repository.path), context());
  await installAgent(sandboxes.root('one'), script, mode);
  const endpoint = await provider.ensureAgent(sandbox, { agent: 'amp' }, context());
  const session = { key: 'first', agent: 'amp', prompt: 'Paint it black' };
  await rejection(provider.createSession(sandbox, endpoint, session, context()));
  const log = new AgentLog(join(sandboxes.root('one'), 'agent-server.log'));
  expect(await log.recentErrors()).toEqual(reason);
});

it.each([
  [
    'while the server starts the agent’s process',
    'sandbox_agent::acp_proxy_runtime',
    'acp_proxy: POST received',
  ],
  [
    'before the agent’s stdin is ready',
    'acp_http_adapter::process',
    'post: request → agent (awaiting response)',
  ],
])('does not find a request whose sender died %s', async (_, target, message) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'groundcrew-log-'));
  const path = join(folder.path, 'agent-server.log');
  await writeFile(
    path,
    `ts=2026-11-25T22:31:24.93Z level=info target=${target} span=http.request span_path=http.request ` +
      `message="${message}" server_id=first.1.1 method=initialize id="\\"initialize\\"" bootstrap_agent=Some(Mock) ` +
      'method=POST uri="/v1/acp/first.1.1?agent=mock"\n',
  );
  expect(await new AgentLog(path).hasForwarded('first.1.1', 'initialize')).toBe(false);
});
