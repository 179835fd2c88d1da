import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { OwnTime } from '../support/own-time.ts';
import { isRunning } from '../support/processes.ts';
import { never } from '../support/scripted-provider.ts';
import type { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';

/** CONTRACT.md, promise 4: work of a worker that was killed, or that hangs, goes on within this many milliseconds. */
const takeoverMs = 2_000;
const rescueMs = 15_000;

let conversations: ConversationApp;
let processes: GroundcrewProcesses;
/** Of the tests and of all processes that were started. */
const time = new OwnTime(() => processes.started.map(({ pid }) => pid));

beforeAll(async () => {
  conversations = await startConversationApp('api');
  const { stored, provider } = conversations.app;
  processes = await GroundcrewProcesses.create({
    DATABASE_URL: stored.url,
    LOG_LEVEL: 'warn',
    ...provider.env,
  });
});
// The newest worker goes on with the next test, with nothing to follow any more: a start costs a second of a processor.
afterEach(async ({ task }) => {
  const left = await conversations.app.stored.sql<{ id: string }>(
    `select id from task where status <> 'canceled'`,
  );
  for (const { id } of left) await ask(`mutation { cancelTask(id: "${id}") { id } }`);
  const workers = running();
  if (task.result?.state === 'pass') workers.pop();
  for (const worker of workers) worker.kill('SIGKILL');
});
afterAll(async () => {
  await processes[Symbol.asyncDispose]();
  await conversations[Symbol.asyncDispose]();
});

const running = () => processes.started.filter(({ pid }) => isRunning(pid));
/** The only worker that runs when a test begins. */
const firstWorker = async () => running().at(-1) ?? (await processes.startWorker());
const ask = <T>(query: string, variables?: Readonly<Record<string, unknown>>) =>
  conversations.app.ask<T>(query, variables);
const send = async (sessionId: string, text: string) => (await conversations.send(sessionId, text)).id;
const stateOf = async (id: string) => (await conversations.readPrompt(id)).state;
const shown = (copy: TranscriptCopy) =>
  copy.list.map(({ text, stopReason, code }) => stopReason ?? code ?? text);

it('I16 another worker goes on where the store ends when the follower is killed, and stores each message once', async () => {
  const first = await firstWorker();
  const { agent, given: prompt, copy } = await conversations.open();
  let said = '';
  const say = (text: string) => {
    said += text;
    agent.sayText(text);
  };
  say('0 ');
  await copy.until(({ list }) => list[1]?.text === said);

  let worker = first;
  for (let round = 1; round <= 2; round += 1) {
    const next = await processes.startWorker();
    for (let piece = 0; piece < 50; piece += 1) say(`${round}.${piece} `);
    worker.kill('SIGKILL');
    const killedAt = time.now();
    for (let piece = 50; piece < 100; piece += 1) say(`${round}.${piece} `);
    await copy.until(({ list }) => list[1]?.text === said);
    expect(time.now() - killedAt).toBeLessThan(takeoverMs);
    worker = next;
  }
  agent.respond(prompt.id, { stopReason: 'end_turn' });
  await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
  expect(copy.list).toMatchObject([
    { __typename: 'UserMessage' },
    { __typename: 'AgentMessage', text: said },
    { __typename: 'TurnEnd', stopReason: 'END_TURN' },
  ]);
  await waitFor(() => agent.readers > 0);
  expect(agent.prompts).toHaveLength(1);
});

it('I16 another worker goes on within 15 seconds when the follower hangs, which writes nothing more when it comes back', async () => {
  const hanging = await firstWorker();
  const { taskId, agent, given, copy } = await conversations.open();
  await conversations.running(taskId);
  agent.sayText('one ');
  await copy.until(({ list }) => list[1]?.text === 'one ');
  await processes.startWorker();
  hanging.kill('SIGSTOP');
  const stoppedAt = time.now();
  agent.sayText('two ');
  await copy.until(({ list }) => list[1]?.text === 'one two ', 60_000);
  expect(time.now() - stoppedAt).toBeLessThan(rescueMs);
  hanging.kill('SIGCONT');
  agent.sayText('three');
  await hanging.waitForLine(/was declared dead/, 30_000, 'stderr');
  agent.respond(given.id, { stopReason: 'end_turn' });
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  expect(shown(copy).slice(1)).toEqual(['one two three', 'END_TURN']);
});

it('I20 a turn ends by the response on its request also when the follower that got it is killed', async () => {
  const { app } = conversations;
  const first = await firstWorker();
  const { agent, given, copy } = await conversations.open();
  await processes.startWorker();
  await waitFor(async () => (await stateOf(given.id)) === 'ACCEPTED');
  agent.answerPost(given.id, { stopReason: 'end_turn' });
  await waitFor(async () => {
    const { rows } = await sql`select from prompt where id = ${given.id} and response is not null`.execute(
      app.stored.db.kysely,
    );
    return rows.length > 0;
  });
  first.kill('SIGKILL');
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
});

it('I18 no prompt reaches the agent twice or out of order when followers are killed while they send', async () => {
  let worker = await firstWorker();
  const { agent, given: first, sessionId } = await conversations.open('0');
  const answer = (prompt: { id: string; text: string }) => {
    agent.sayText(`You say: ${prompt.text}`);
    agent.respond(prompt.id, { stopReason: 'end_turn' });
  };
  agent.onPrompt = answer;
  answer(first);
  const sent: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    const next = await processes.startWorker();
    for (let prompt = 1; prompt <= 5; prompt += 1) {
      sent.push(await send(sessionId, `${round}.${prompt}`));
    }
    const given = agent.prompts.length;
    await waitFor(() => agent.prompts.length > given || agent.prompts.length > sent.length);
    worker.kill('SIGKILL');
    worker = next;
  }
  const states = await waitFor(async () => {
    const { nodes } = await ask<{ nodes: { id: string; state: string }[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Prompt { state } } }',
      { ids: sent },
    );
    return nodes.every(({ state }) => state === 'DONE' || state === 'UNKNOWN') && nodes;
  }, 60_000);
  const given = agent.prompts.slice(1).map((prompt) => prompt.id);
  expect(given).toEqual(sent.filter((prompt) => given.includes(prompt)));
  // The agent answers each at once, so that whoever follows next sees what arrived.
  for (const { id: prompt, state } of states) expect(given.includes(prompt), prompt).toBe(state === 'DONE');
});

describe('I18 an agent that is silent while its follower is killed', () => {
  /** The agent has a second prompt, and nobody knows it; a third one waits. */
  async function unknown() {
    const first = await firstWorker();
    const conversation = await conversations.open('first');
    const { agent, given, copy, sessionId, taskId } = conversation;
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    await conversations.running(taskId);
    agent.onPrompt = () => first.kill('SIGKILL');
    const second = await send(sessionId, 'second');
    await agent.nextPrompt();
    agent.onPrompt = undefined;
    await processes.startWorker();
    const third = await send(sessionId, 'third');
    await waitFor(async () => (await stateOf(second)) === 'UNKNOWN', 30_000);
    expect(await conversations.readSession(sessionId)).toMatchObject({
      undeliveredPrompts: [{ id: second, state: 'UNKNOWN' }],
      prompts: [{ id: third, state: 'QUEUED' }],
    });
    return { ...conversation, second, third };
  }

  it('has its words shown as the answer to that prompt, and the next one waits for its end', async () => {
    const { agent, copy, second, third } = await unknown();
    expect(agent.prompts).toHaveLength(2);
    agent.sayText('about the second');
    await waitFor(async () => (await stateOf(second)) === 'ACCEPTED');
    expect(await stateOf(third)).toBe('QUEUED');
    agent.respond(second, { stopReason: 'end_turn' });
    expect(await agent.nextPrompt()).toMatchObject({ id: third });
    agent.sayText('about the third');
    agent.respond(third, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.filter(({ stopReason }) => stopReason).length === 3);
    expect(shown(copy)).toEqual([
      'first',
      'END_TURN',
      'second',
      'about the second',
      'END_TURN',
      'third',
      'about the third',
      'END_TURN',
    ]);
    expect(await stateOf(second)).toBe('DONE');
  });

  it('gets the next prompt after a while, and a notice says where the earlier one ended', async () => {
    const { agent, copy, second, third } = await unknown();
    expect(await agent.nextPrompt()).toMatchObject({ id: third });
    expect(await stateOf(second)).toBe('UNKNOWN');
    agent.sayText('about the second');
    await copy.until(({ list }) => list.at(-1)?.text === 'about the second');
    agent.respond(second, { stopReason: 'end_turn' });
    agent.sayText('about the third');
    agent.respond(third, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.filter(({ stopReason }) => stopReason).length === 2);
    expect(shown(copy)).toEqual([
      'first',
      'END_TURN',
      'third',
      'about the second',
      'EARLIER_PROMPT_ENDED',
      'about the third',
      'END_TURN',
    ]);
    for (const prompt of [second, third]) expect(await stateOf(prompt)).toBe('DONE');
    expect(agent.prompts.map(({ text }) => text)).toEqual(['first', 'second', 'third']);
  });
});

it('I20 an agent is started again, with a notice, when the follower is killed while it does that', async () => {
  const { app, agents } = conversations;
  await firstWorker();
  const { taskId, sessionId, agent, copy } = await conversations.open();
  await conversations.running(taskId);
  const opened = agents.agents.size;
  await processes.startWorker();
  const killed = app.provider.on(
    'createSession',
    (turn) => {
      agents.opensSessions()(turn);
      process.kill(turn.call.pid, 'SIGKILL');
      return never();
    },
    { times: 1 },
  );
  agent.die();
  agent.sayText('last words');
  await waitFor(() => killed.calls.length === 1);
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  expect(shown(copy).slice(1)).toEqual(['last words', 'FAILED', 'AGENT_RESTARTED']);
  await send(sessionId, 'are you there');
  expect(await (await agents.agent(opened + 1)).nextPrompt()).toMatchObject({ text: 'are you there' });
});

it('I20 an agent that does not stop is ended when the follower is killed while it does that', async () => {
  const { app } = conversations;
  await firstWorker();
  await processes.startWorker();
  const { taskId, sessionId, agent, copy } = await conversations.open();
  await conversations.running(taskId);
  const ending = app.provider.on('endSession', ({ call }) => {
    if (ending.calls.length === 1) process.kill(call.pid, 'SIGKILL');
    else agent.die();
    return ending.calls.length === 1 ? never() : null;
  });
  await ask(`mutation { interruptSession(id: "${sessionId}") { id } }`);
  await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
  expect(copy.list.map(({ stopReason }) => stopReason)).toContain('CANCELED');
  expect(ending.calls).toHaveLength(2);
  ending.remove();
});

it('I20 an agent that ends again and again is given up, also when its followers change', async () => {
  const { agents } = conversations;
  let worker = await firstWorker();
  const { taskId, sessionId, copy } = await conversations.open();
  await conversations.running(taskId);
  for (let time = 1; time <= 6; time += 1) {
    if (time === 4) {
      const next = await processes.startWorker();
      worker.kill('SIGKILL');
      worker = next;
    }
    const newest = [...agents.agents.values()].at(-1);
    await waitFor(() => (newest?.readers ?? 0) > 0, 30_000, `agent ${time} is followed`);
    newest?.die();
    if (time < 6)
      await copy.until(({ list }) => list.filter(({ code }) => code === 'AGENT_RESTARTED').length === time);
  }
  const { error } = await waitFor(async () => {
    const session = await conversations.readSession(sessionId);
    return session.status === 'ERROR' && session;
  });
  expect(error).toMatchObject({ code: 'AGENT_FAILED' });
});
