import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { waitFor } from '../support/wait-for.ts';

let conversations: ConversationApp;
beforeAll(async () => {
  conversations = await startConversationApp();
});
afterAll(() => conversations[Symbol.asyncDispose]());

const ask = <T = Record<string, never>>(query: string, variables?: Record<string, unknown>) =>
  conversations.app.ask<T>(query, variables);

describe('I18 a prompt', () => {
  it('waits for the one before it, and each reaches the agent once and in order', async () => {
    const { sessionId, agent, given, copy, taskId } = await conversations.open('first');
    const texts = ['second', 'third', 'fourth'];
    for (const text of texts) await conversations.send(sessionId, text);
    await conversations.running(taskId);
    expect(await conversations.readSession(sessionId)).toMatchObject({
      activity: 'WORKING',
      prompts: [
        { text: 'first', state: 'ACCEPTED' },
        { text: 'second', state: 'QUEUED' },
        { text: 'third', state: 'QUEUED' },
        { text: 'fourth', state: 'QUEUED' },
      ],
    });
    expect(agent.prompts).toHaveLength(1);
    agent.respond(given.id, { stopReason: 'end_turn' });
    for (const text of texts) {
      const next = await agent.nextPrompt();
      expect(next.text).toBe(text);
      agent.sayText(`Working on ${text}`);
      agent.respond(next.id, { stopReason: 'end_turn' });
    }
    await copy.until(({ list }) => list.filter(({ __typename }) => __typename === 'TurnEnd').length === 4);
    expect(copy.list.flatMap(({ __typename, text }) => (__typename === 'UserMessage' ? text : []))).toEqual([
      'first',
      ...texts,
    ]);
    expect(agent.prompts.map(({ text }) => text)).toEqual(['first', ...texts]);
    await waitFor(async () => (await conversations.readSession(sessionId)).activity === 'IDLE');
  });

  it('is stored once for an idempotency key, and refused for another text', async () => {
    const { sessionId } = await conversations.open();
    const first = await conversations.send(sessionId, 'again', 'key-1');
    expect(await conversations.send(sessionId, 'again', 'key-1')).toEqual(first);
    const refusal = await conversations.app.refusal(
      'mutation ($input: SendPromptInput!) { sendPrompt(input: $input) { id } }',
      { input: { sessionId, text: 'other', idempotencyKey: 'key-1' } },
    );
    expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });

  it('can be taken back while it is queued, and not later', async () => {
    const { sessionId, agent, given } = await conversations.open();
    const queued = await conversations.send(sessionId, 'never mind');
    const remove = `mutation ($id: ID!) { removePrompt(id: $id) { state } }`;
    for (let time = 0; time < 2; time += 1) {
      expect(await ask(remove, { id: queued.id })).toEqual({ removePrompt: { state: 'REMOVED' } });
    }
    const last = await conversations.send(sessionId, 'go on');
    agent.respond(given.id, { stopReason: 'end_turn' });
    expect((await agent.nextPrompt()).text).toBe('go on');
    expect(await conversations.app.refusal(remove, { id: last.id })).toMatchObject({ code: 'INVALID_STATE' });
  });

  it('fails with what the agent says, and the next one goes on', async () => {
    const { sessionId, agent, given, copy } = await conversations.open();
    await conversations.send(sessionId, 'next');
    agent.fail(given.id, 'no model');
    await copy.until(({ list }) => list[1]?.stopReason === 'FAILED');
    expect(copy.list[1]).toMatchObject({ error: { code: 'PROMPT_FAILED', message: 'no model' } });
    expect(await conversations.readPrompt(given.id)).toMatchObject({
      state: 'FAILED',
      error: { message: 'no model' },
    });
    expect((await agent.nextPrompt()).text).toBe('next');
  });

  it('ends by the response on its request when the stream does not deliver that', async () => {
    const { agent, given, copy } = await conversations.open();
    agent.answerPost(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  });

  it('is not ACCEPTED before the agent server answers, which may never read it', async () => {
    const { agents } = conversations;
    const { sessionId, agent, given, copy } = await conversations.open();
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    agents.answersHealth = false;
    const prompt = await conversations.send(sessionId, 'hello');
    await agent.nextPrompt();
    const before = agents.healthChecks;
    await waitFor(() => agents.healthChecks >= before + 2);
    expect(await conversations.readPrompt(prompt.id)).toMatchObject({ state: 'SENDING' });
    agents.answersHealth = true;
    await waitFor(async () => (await conversations.readPrompt(prompt.id)).state === 'ACCEPTED');
    expect(agent.prompts).toHaveLength(2);
  });

  it('goes back into the queue when the worker stood still before it was sent, and is sent once', async () => {
    const { app } = conversations;
    const { sessionId, taskId, agent, given, copy } = await conversations.open();
    await conversations.running(taskId);
    agent.respond(given.id, { stopReason: 'end_turn' });
    await waitFor(async () => (await conversations.readSession(sessionId)).activity === 'IDLE');
    // The write that says that the prompt is being sent takes longer than a worker may stand still.
    const client = new Client(app.stored.url);
    await client.connect();
    await client.query('begin');
    await client.query('select from conversation where session_id = $1 for update', [sessionId]);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const prompt = await conversations.send(sessionId, 'hello');
    await waitFor(async () => {
      const waiting = sql`select from pg_stat_activity where ${rows[0]?.pid} = any(pg_blocking_pids(pid))`;
      return (await waiting.execute(app.stored.db.kysely)).rows.length > 0;
    });
    await delay(5_500);
    await client.query('rollback');
    await client.end();
    expect((await agent.nextPrompt()).text).toBe('hello');
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.filter(({ stopReason }) => stopReason).length === 2);
    const { task } = await ask<{ task: { events: { nodes: { kind: string }[] } } }>(
      `{ task(id: "${taskId}") { events(first: 100) { nodes { kind } } } }`,
    );
    const kinds = task.events.nodes.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'prompt.sending')).toHaveLength(3);
    expect(agent.prompts).toHaveLength(2);
  });

  it('is refused by a session of a task that was canceled', async () => {
    const { sessionId, taskId } = await conversations.open();
    await ask(`mutation { cancelTask(id: "${taskId}") { id } }`);
    const refusal = await conversations.app.refusal(
      `mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "too late" }) { id } }`,
    );
    expect(refusal).toMatchObject({ code: 'INVALID_STATE' });
  });
});

describe('I19 a request', () => {
  const answer = (requestId: string, optionId: string) =>
    [
      'mutation ($input: AnswerAgentRequestInput!) { answerAgentRequest(input: $input) { state answer } }',
      { input: { requestId, optionId } },
    ] as const;

  async function asked() {
    const conversation = await conversations.open();
    conversation.agent.ask(41, 'Delete all');
    const request = await waitFor(async () => {
      const { node } = await ask<{ node: { requests: { id: string }[] } }>(
        `{ node(id: "${conversation.sessionId}") { ... on Session { requests { id title state toolCall { title } options { id kind } } } } }`,
      );
      return node.requests[0];
    });
    return { ...conversation, request };
  }

  it('waits in the inbox until a person answers it, and the first answer counts', async () => {
    const { agent, given, request, taskId, sessionId } = await asked();
    expect(request).toMatchObject({
      title: 'Delete all',
      state: 'OPEN',
      toolCall: { title: 'Delete all' },
      options: [{ id: 'yes', kind: 'ALLOW_ONCE' }, { id: 'no' }],
    });
    await conversations.running(taskId);
    const { task, agentRequests } = await ask<{
      task: { openRequests: number; sessions: [{ activity: string }] };
      agentRequests: { nodes: { id: string }[] };
    }>(`{ task(id: "${taskId}") { openRequests sessions { activity } } agentRequests { nodes { id } } }`);
    expect(task).toEqual({ openRequests: 1, sessions: [{ activity: 'WAITING' }] });
    expect(agentRequests.nodes).toContainEqual({ id: request.id });

    expect(await conversations.app.refusal(...answer(request.id, 'perhaps'))).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'optionId',
    });
    const outcomes = await Promise.all(
      ['yes', 'no', 'yes', 'no'].map((option) => conversations.app.send(...answer(request.id, option))),
    );
    const accepted = outcomes.filter(({ errors }) => !errors);
    expect(accepted).toHaveLength(2);
    const [first] = accepted as { data: { answerAgentRequest: { answer: string } } }[];
    const chosen = first?.data.answerAgentRequest.answer;
    await waitFor(() => agent.ledger.some(({ id, method }) => id === 41 && method === undefined));
    expect(agent.ledger.filter(({ id }) => id === 41)).toMatchObject([
      { result: { outcome: { outcome: 'selected', optionId: chosen } } },
    ]);
    expect((await conversations.readSession(sessionId)).activity).toBe('WORKING');
    agent.respond(given.id, { stopReason: 'end_turn' });
    await waitFor(async () => (await conversations.readSession(sessionId)).activity === 'IDLE');
  });

  it('is CANCELED when its turn ends without it', async () => {
    const { agent, given, request } = await asked();
    agent.respond(given.id, { stopReason: 'end_turn' });
    const state = await waitFor(async () => {
      const { node } = await ask<{ node: { state: string } }>(
        `{ node(id: "${request.id}") { ... on AgentRequest { state } } }`,
      );
      return node.state !== 'OPEN' && node.state;
    });
    expect(state).toBe('CANCELED');
    expect(await conversations.app.refusal(...answer(request.id, 'yes'))).toMatchObject({
      code: 'INVALID_STATE',
    });
  });
});
