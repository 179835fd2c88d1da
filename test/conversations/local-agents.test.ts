import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalAgents, startLocalAgents } from '../support/local-agents.ts';
import type { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';

let local: LocalAgents;
beforeAll(async () => {
  local = await startLocalAgents({ amp: '', pi: 'load', cursor: 'resume' });
});
afterAll(() => local[Symbol.asyncDispose]());

const pidOf = async (agent: string) => Number((await local.ledger(agent)).at(-1)?.split(' ')[0]);
const shown = (copy: TranscriptCopy) =>
  copy.list.map(({ __typename, text, stopReason, code }) => `${__typename} ${stopReason ?? code ?? text}`);

it.each([
  ['pi', 'session/load'],
  ['cursor', 'session/resume'],
])(
  'the agent %s that is killed in its turn goes on with the session that it remembers',
  async (name, method) => {
    const { taskId, sessionId, copy } = await local.open(name, 'wait');
    await copy.until(({ list }) => list.length === 2);
    process.kill(await pidOf(name), 'SIGKILL');
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'FAILED');
    await local.send(sessionId, 'again');
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN', 60_000);
    expect(shown(copy)).toEqual([
      'UserMessage wait',
      'AgentMessage You say: wait',
      'TurnEnd FAILED',
      'UserMessage again',
      'AgentMessage You say: again',
      'TurnEnd END_TURN',
    ]);
    expect((await local.ledger(name)).map((line) => line.replace(/^\d+ /, ''))).toEqual([
      'started',
      'session/new',
      'prompt wait',
      'started',
      method,
      'prompt again',
    ]);
    await local.cancel(taskId);
  },
);

it('an agent that says characters in halves is read whole, although its server refuses such lines', async () => {
  const { taskId, copy } = await local.open('amp', 'half');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  expect(shown(copy)).toEqual([
    'UserMessage half',
    'AgentMessage You say: half😀 \uFFFD end',
    'TurnEnd END_TURN',
  ]);
  await local.cancel(taskId);
});

it('an agent that is killed and remembers nothing says so in a notice', async () => {
  const { taskId, copy } = await local.open('amp', 'hello');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  process.kill(await pidOf('amp'), 'SIGKILL');
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  await local.cancel(taskId);
});

it('an agent that does not hear that it is to stop is ended, and started again', async () => {
  const { taskId, sessionId, copy } = await local.open('amp', 'deaf');
  await copy.until(({ list }) => list.length === 2);
  const before = await pidOf('amp');
  await local.app.ask(`mutation { interruptSession(id: "${sessionId}") { id } }`);
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  expect(shown(copy).slice(2, 3)).toEqual(['TurnEnd CANCELED']);
  await waitFor(async () => (await pidOf('amp')) !== before);
  await local.cancel(taskId);
});

it('an agent server that is killed is started again, with the session that its agent remembers', async () => {
  const { taskId, sessionId, copy } = await local.open('pi', 'hello');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  const agent = await pidOf('pi');
  const status = await readFile(`/proc/${agent}/status`, 'utf8');
  process.kill(Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), 'SIGKILL');
  await local.send(sessionId, 'again');
  await copy.until(
    ({ list }) => list.filter(({ stopReason }) => stopReason === 'END_TURN').length === 2,
    90_000,
  );
  expect(shown(copy)).not.toContain('AgentMessage what was said before');
  await local.cancel(taskId);
});
