import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { connect, type GraphqlWsClient } from '../support/graphql-ws-client.ts';
import { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';

// The provider local, with real agent servers and agents that are processes of their own.

let folder: string;
let app: StartedApp;
let repository: GitRepository;
let socket: GraphqlWsClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-agents-'));
  vi.stubEnv('XDG_DATA_HOME', folder);
  const launchers = join(folder, 'sandbox-agent', 'bin', 'agent_processes');
  await mkdir(launchers, { recursive: true });
  const agent = fileURLToPath(new URL('./ledger-agent.mjs', import.meta.url));
  for (const [name, mode] of Object.entries({ amp: '', pi: 'load', cursor: 'resume' })) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${agent}' '${join(folder, name)}' ${mode}\n`;
    await writeFile(join(launchers, `${name}-acp`), script, { mode: 0o755 });
  }
  app = await startApp('start');
  repository = await createGitRepository();
  socket = await connect(app.url, { token: app.token });
});
afterAll(async () => {
  await socket.close();
  await app[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const ledger = async (agent: string) => (await readFile(join(folder, agent), 'utf8').catch(() => '')).trim();

async function open(agent: string, prompt: string) {
  await rm(join(folder, agent), { force: true });
  const taskId = await app.create({ prompt, agent, provider: 'local', repoUrl: repository.path });
  const { task } = await app.ask<{ task: { sessions: [{ id: string }] } }>(
    `{ task(id: "${taskId}") { sessions { id } } }`,
  );
  const sessionId = task.sessions[0].id;
  await waitFor(async () => {
    const { task: found } = await app.ask<{ task: { status: string } }>(
      `{ task(id: "${taskId}") { status } }`,
    );
    return found.status === 'RUNNING';
  }, 60_000);
  return { taskId, sessionId, copy: new TranscriptCopy(socket, sessionId) };
}
const send = (sessionId: string, text: string) =>
  app.ask(`mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "${text}" }) { id } }`);
const pidOf = async (agent: string) => Number((await ledger(agent)).split('\n').at(-1)?.split(' ')[0]);
const shown = (copy: TranscriptCopy) =>
  copy.list.map(({ __typename, text, stopReason, code }) => `${__typename} ${stopReason ?? code ?? text}`);
const cancel = (taskId: string) => app.ask(`mutation { cancelTask(id: "${taskId}") { id } }`);

it.each([
  ['pi', 'session/load'],
  ['cursor', 'session/resume'],
])(
  'the agent %s that is killed in its turn goes on with the session that it remembers',
  async (name, method) => {
    const { taskId, sessionId, copy } = await open(name, 'wait');
    await copy.until(({ list }) => list.length === 2);
    process.kill(await pidOf(name), 'SIGKILL');
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'FAILED');
    await send(sessionId, 'again');
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN', 60_000);
    expect(shown(copy)).toEqual([
      'UserMessage wait',
      'AgentMessage You say: wait',
      'TurnEnd FAILED',
      'UserMessage again',
      'AgentMessage You say: again',
      'TurnEnd END_TURN',
    ]);
    expect((await ledger(name)).split('\n').map((line) => line.replace(/^\d+ /, ''))).toEqual([
      'started',
      'session/new',
      'prompt wait',
      'started',
      method,
      'prompt again',
    ]);
    await cancel(taskId);
  },
);

it('an agent that is killed and remembers nothing says so in a notice', async () => {
  const { taskId, copy } = await open('amp', 'hello');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  process.kill(await pidOf('amp'), 'SIGKILL');
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  await cancel(taskId);
});

it('an agent that does not hear that it is to stop is ended, and started again', async () => {
  const { taskId, sessionId, copy } = await open('amp', 'deaf');
  await copy.until(({ list }) => list.length === 2);
  const before = await pidOf('amp');
  await app.ask(`mutation { interruptSession(id: "${sessionId}") { id } }`);
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  expect(shown(copy).slice(2, 3)).toEqual(['TurnEnd CANCELED']);
  await waitFor(async () => (await pidOf('amp')) !== before);
  await cancel(taskId);
});

it('an agent server that is killed is started again, with the session that its agent remembers', async () => {
  const { taskId, sessionId, copy } = await open('pi', 'hello');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  const agent = await pidOf('pi');
  const status = await readFile(`/proc/${agent}/status`, 'utf8');
  process.kill(Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), 'SIGKILL');
  await send(sessionId, 'again');
  await copy.until(
    ({ list }) => list.filter(({ stopReason }) => stopReason === 'END_TURN').length === 2,
    90_000,
  );
  expect(shown(copy)).not.toContain('AgentMessage what was said before');
  await cancel(taskId);
});
