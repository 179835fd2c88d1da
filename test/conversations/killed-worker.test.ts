import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ConversationApp,
  type OpenConversation,
  startConversationApp,
} from '../support/conversation-app.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { OwnTime } from '../support/own-time.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { range } from '../support/range.ts';
import type { GivenPrompt } from '../support/scripted-agent-server.ts';
import { never, type Rule } from '../support/scripted-provider.ts';
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
afterEach(({ task }) => {
  if (task.result?.state !== 'pass') for (const worker of running()) worker.kill('SIGKILL');
});
afterAll(async () => {
  await processes[Symbol.asyncDispose]();
  await conversations[Symbol.asyncDispose]();
});

const running = () => processes.started.filter(({ pid }) => isRunning(pid));
/**
 * The only worker that runs when kills begin: the newest one of those before, with nothing to follow any more, because a
 * start costs a second of a processor.
 */
async function firstWorker(): Promise<StartedProcess> {
  const left = await conversations.app.stored.sql<{ id: string }>(
    `select id from task where status <> 'canceled'`,
  );
  for (const { id } of left) await ask(`mutation { cancelTask(id: "${id}") { id } }`);
  const workers = running();
  const newest = workers.pop();
  for (const worker of workers) worker.kill('SIGKILL');
  return newest ?? (await processes.startWorker());
}
const ask = <T>(query: string, variables?: Readonly<Record<string, unknown>>) =>
  conversations.app.ask<T>(query, variables);
const send = async (sessionId: string, text: string) => (await conversations.send(sessionId, text)).id;
const stateOf = async (id: string) => (await conversations.readPrompt(id)).state;
const shown = (copy: TranscriptCopy) =>
  copy.list.map(({ text, stopReason, code }) => stopReason ?? code ?? text);

describe('while an agent speaks and another one gets prompts', () => {
  let talking: OpenConversation;
  let said = '';
  const takeovers: number[] = [];
  let answering: OpenConversation;
  const sent: string[] = [];

  // The same kills for both: each needs another worker.
  beforeAll(async () => {
    let worker = await firstWorker();
    talking = await conversations.open();
    answering = await conversations.open('0');
    const { agent } = answering;
    const answer = (prompt: GivenPrompt) => {
      agent.sayText(`You say: ${prompt.text}`);
      agent.respond(prompt.id, { stopReason: 'end_turn' });
    };
    agent.onPrompt = answer;
    answer(answering.given);
    const say = (text: string) => {
      said += text;
      talking.agent.sayText(text);
    };
    const isStored = () => talking.copy.until(({ list }) => list[1]?.text === said);
    say('0 ');
    await isStored();

    for (let round = 1; round <= 2; round += 1) {
      const next = await processes.startWorker();
      for (let prompt = 1; prompt <= 5; prompt += 1) {
        sent.push(await send(answering.sessionId, `${round}.${prompt}`));
      }
      const given = agent.prompts.length;
      await waitFor(() => agent.prompts.length > given || agent.prompts.length > sent.length);
      for (let piece = 0; piece < 50; piece += 1) say(`${round}.${piece} `);
      worker.kill('SIGKILL');
      const killedAt = time.now();
      for (let piece = 50; piece < 100; piece += 1) say(`${round}.${piece} `);
      await isStored();
      takeovers.push(time.now() - killedAt);
      worker = next;
    }
  });

  it('I16 another worker goes on where the store ends when the follower is killed, and stores each message once', async () => {
    expect(Math.max(...takeovers)).toBeLessThan(takeoverMs);
    const { agent, given, copy } = talking;
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    expect(copy.list).toMatchObject([
      { __typename: 'UserMessage' },
      { __typename: 'AgentMessage', text: said },
      { __typename: 'TurnEnd', stopReason: 'END_TURN' },
    ]);
    await waitFor(() => agent.readers > 0);
    expect(agent.prompts).toHaveLength(1);
  });

  it('I18 no prompt reaches the agent twice or out of order when followers are killed while they send', async () => {
    const states = await waitFor(async () => {
      const { nodes } = await ask<{ nodes: { id: string; state: string }[] }>(
        'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Prompt { state } } }',
        { ids: sent },
      );
      return nodes.every(({ state }) => state === 'DONE' || state === 'UNKNOWN') && nodes;
    }, 60_000);
    const given = answering.agent.prompts.slice(1).map((prompt) => prompt.id);
    expect(given).toEqual(sent.filter((prompt) => given.includes(prompt)));
    // The agent answers each at once, so that whoever follows next sees what arrived.
    for (const { id: prompt, state } of states) expect(given.includes(prompt), prompt).toBe(state === 'DONE');
  });
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

describe('when the follower of agents that are silent is killed', () => {
  /** The agent has a second prompt, and nobody knows it; a third one waits. */
  interface Unknown extends OpenConversation {
    readonly second: string;
    readonly third: string;
  }
  /** The response on the request is stored, and did not come on the stream. */
  let responded: OpenConversation;
  let speaking: Unknown;
  let silent: Unknown;

  // One kill for all: the next worker is to find out about each of them.
  beforeAll(async () => {
    const { app, agents } = conversations;
    const first = await firstWorker();
    responded = await conversations.open();
    const waiting: OpenConversation[] = [];
    for (const _ of range(1, 2)) {
      const conversation = await conversations.open('first');
      const { agent, given, copy, taskId } = conversation;
      agent.respond(given.id, { stopReason: 'end_turn' });
      await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
      await conversations.running(taskId);
      waiting.push(conversation);
    }
    await waitFor(async () => (await stateOf(responded.given.id)) === 'ACCEPTED');

    // Of a server that does not answer nobody knows whether its agents have got their prompts.
    agents.answersHealth = false;
    const seconds = await Promise.all(waiting.map(({ sessionId }) => send(sessionId, 'second')));
    await Promise.all(waiting.map(({ agent }) => agent.nextPrompt()));
    responded.agent.answerPost(responded.given.id, { stopReason: 'end_turn' });
    await waitFor(async () => {
      const { rows } =
        await sql`select from prompt where id = ${responded.given.id} and response is not null`.execute(
          app.stored.db.kysely,
        );
      return rows.length > 0;
    });
    first.kill('SIGKILL');
    agents.answersHealth = true;
    await processes.startWorker();
    const thirds = await Promise.all(waiting.map(({ sessionId }) => send(sessionId, 'third')));
    await Promise.all(
      seconds.map((second) => waitFor(async () => (await stateOf(second)) === 'UNKNOWN', 30_000)),
    );
    const unknown = waiting.map((each, index) => ({
      ...each,
      second: seconds[index] as string,
      third: thirds[index] as string,
    }));
    for (const { sessionId, second, third } of unknown) {
      expect(await conversations.readSession(sessionId)).toMatchObject({
        undeliveredPrompts: [{ id: second, state: 'UNKNOWN' }],
        prompts: [{ id: third, state: 'QUEUED' }],
      });
    }
    [speaking, silent] = unknown as [Unknown, Unknown];
  });

  it('I20 a turn ends by the response on its request that the killed follower got', async () => {
    await responded.copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  });

  it('I18 an agent that was silent has its words shown as the answer to that prompt, and the next one waits for its end', async () => {
    const { agent, copy, second, third } = speaking;
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

  it('I18 an agent that stays silent gets the next prompt after a while, and a notice says where the earlier one ended', async () => {
    const { agent, copy, second, third } = silent;
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

describe('while the follower stops an agent that does not stop', () => {
  let deaf: OpenConversation;
  let ending: Rule;
  let dying: OpenConversation;

  const restarts = ({ list }: TranscriptCopy) => list.filter(({ code }) => code === 'AGENT_RESTARTED').length;
  /** The newest agent of the conversation dies. */
  const die = async () => {
    const time = restarts(dying.copy) + 1;
    const newest = [...conversations.agents.agents.values()]
      .filter(({ name }) => name.startsWith(dying.agent.name))
      .at(-1);
    await waitFor(() => (newest?.readers ?? 0) > 0, 30_000, `agent ${time} is followed`);
    newest?.die();
    return time;
  };

  // One kill for both: it needs another worker.
  beforeAll(async () => {
    const { app } = conversations;
    const worker = await firstWorker();
    deaf = await conversations.open();
    dying = await conversations.open();
    for (const { taskId } of [deaf, dying]) await conversations.running(taskId);
    await processes.startWorker();
    ending = app.provider.on('endSession', () => {
      if (ending.calls.length === 1) worker.kill('SIGKILL');
      else deaf.agent.die();
      return ending.calls.length === 1 ? never() : null;
    });
    await ask(`mutation { interruptSession(id: "${deaf.sessionId}") { id } }`);
    for (const _ of range(1, 3)) {
      const time = await die();
      await dying.copy.until((copy) => restarts(copy) === time);
    }
    await waitFor(() => ending.calls.length === 1);
  });
  afterAll(() => ending.remove());

  it('I20 the agent is ended when the follower is killed', async () => {
    const { copy } = deaf;
    await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 60_000);
    expect(copy.list.map(({ stopReason }) => stopReason)).toContain('CANCELED');
    expect(ending.calls).toHaveLength(2);
  });

  it('I20 another one that ends again and again is given up, also when its followers change', async () => {
    for (const left of [2, 1, 0]) {
      const time = await die();
      if (left > 0) await dying.copy.until((copy) => restarts(copy) === time);
    }
    const { error } = await waitFor(async () => {
      const session = await conversations.readSession(dying.sessionId);
      return session.status === 'ERROR' && session;
    });
    expect(error).toMatchObject({ code: 'AGENT_FAILED' });
  });
});
