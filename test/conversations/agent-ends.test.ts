import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { waitFor } from '../support/wait-for.ts';

let conversations: ConversationApp;
beforeAll(async () => {
  conversations = await startConversationApp();
});
afterAll(() => conversations[Symbol.asyncDispose]());

const ask = <T = Record<string, never>>(query: string) => conversations.app.ask<T>(query);
const interrupt = (id: string, promptId?: string) =>
  ask(`mutation { interruptSession(id: "${id}"${promptId ? `, promptId: "${promptId}"` : ''}) { id } }`);
const canceled = (ledger: readonly { method?: string }[]) =>
  ledger.filter(({ method }) => method === 'session/cancel').length;

const requestsOf = async (sessionId: string, state: string) =>
  (
    await ask<{ agentRequests: { nodes: { id: string; session: { id: string } }[] } }>(
      `{ agentRequests(state: ${state}) { nodes { id session { id } } } }`,
    )
  ).agentRequests.nodes.filter(({ session }) => session.id === sessionId);

describe('I20 interruptSession', () => {
  it('asks the agent to stop, cancels what it waits for, and lets the queue go on', async () => {
    const { sessionId, taskId, agent, given, copy } = await conversations.open();
    await conversations.running(taskId);
    agent.ask(7);
    await waitFor(async () => (await requestsOf(sessionId, 'OPEN')).length === 1);
    await conversations.send(sessionId, 'next');
    await interrupt(sessionId);
    expect(await requestsOf(sessionId, 'CANCELED')).toHaveLength(1);
    await waitFor(() => canceled(agent.ledger) === 1);
    await waitFor(() => agent.ledger.some(({ id, method }) => id === 7 && method === undefined));
    agent.respond(given.id, { stopReason: 'cancelled' });
    await copy.until(({ list }) => list.some(({ stopReason }) => stopReason === 'CANCELED'));
    expect(copy.list.find(({ __typename }) => __typename === 'ToolCall')).toMatchObject({
      status: 'CANCELED',
      isComplete: true,
    });
    const next = await agent.nextPrompt();
    expect(next.text).toBe('next');
    // Repeated, for the prompt that has ended: it does not stop the next one.
    await interrupt(sessionId, given.id);
    agent.respond(next.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    expect(canceled(agent.ledger)).toBe(1);
  });

  it('ends an agent that does not stop, and starts it again', async () => {
    const { sessionId, taskId, agent, copy } = await conversations.open();
    await conversations.running(taskId);
    const renamed = conversations.renameOnRestart();
    await interrupt(sessionId);
    await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED', 40_000);
    expect(copy.list.map(({ __typename, stopReason }) => stopReason ?? __typename)).toEqual([
      'UserMessage',
      'CANCELED',
      'Notice',
    ]);
    expect(conversations.app.provider.callsOf('endSession').at(-1)?.args[2]).toMatchObject({
      sessionId: agent.sessionId,
    });
    renamed.remove();
  });
});

describe('I20 an agent that ends', () => {
  it('fails its turn, expires its requests, and is started again with a notice', async () => {
    const { sessionId, taskId, agent, copy } = await conversations.open();
    await conversations.running(taskId);
    agent.ask(7);
    await waitFor(async () => (await requestsOf(sessionId, 'OPEN')).length === 1);
    const renamed = conversations.renameOnRestart();
    const opened = conversations.agents.agents.size;
    agent.send({ method: '_adapter/agent_exited', params: { code: 1 } });
    agent.sayText('last words');
    await copy.until(({ list }) => list.at(-1)?.code === 'AGENT_RESTARTED');
    expect(copy.list).toMatchObject([
      { __typename: 'UserMessage' },
      { __typename: 'ToolCall', status: 'FAILED' },
      { __typename: 'AgentMessage', text: 'last words' },
      { __typename: 'TurnEnd', stopReason: 'FAILED', error: { code: 'AGENT_GONE' } },
      { __typename: 'Notice' },
    ]);
    expect(await requestsOf(sessionId, 'EXPIRED')).toHaveLength(1);
    expect(await conversations.readSession(sessionId)).toMatchObject({ status: 'READY', activity: 'IDLE' });

    await conversations.send(sessionId, 'are you there');
    const next = await conversations.agents.agent(opened + 1);
    const prompt = await next.nextPrompt();
    next.sayText('yes');
    next.respond(prompt.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    expect(copy.list.at(-2)).toMatchObject({ text: 'yes' });
    renamed.remove();
  });

  it('makes its session an ERROR when it cannot be started again', async () => {
    const { sessionId, taskId, agent, copy } = await conversations.open();
    await conversations.running(taskId);
    await conversations.send(sessionId, 'never given');
    const failing = conversations.failOnRestart();
    agent.send({ method: '_adapter/agent_exited', params: { code: 1 } });
    await waitFor(async () => (await conversations.readSession(sessionId)).status === 'ERROR');
    expect(await conversations.readSession(sessionId)).toMatchObject({
      activity: 'NONE',
      error: { code: 'AGENT_FAILED' },
    });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'FAILED');
    expect((await conversations.readSession(sessionId)).undeliveredPrompts).toMatchObject([
      { text: 'never given', state: 'FAILED' },
    ]);
    const refusal = await conversations.app.refusal(
      `mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "x" }) { id } }`,
    );
    expect(refusal).toMatchObject({ code: 'INVALID_STATE' });
    failing.remove();
  });
});

it('I20 cancelTask ends the running turn as CANCELED, with all that it waits for', async () => {
  const { sessionId, taskId, agent, given, copy } = await conversations.open();
  await conversations.running(taskId);
  agent.sayText('half a sent');
  agent.ask(7);
  await waitFor(async () => (await requestsOf(sessionId, 'OPEN')).length === 1);
  await ask(`mutation { cancelTask(id: "${taskId}") { id } }`);
  await copy.until(({ list }) => list.at(-1)?.stopReason === 'CANCELED');
  expect(copy.list.every(({ isComplete }) => isComplete)).toBe(true);
  expect(await requestsOf(sessionId, 'CANCELED')).toHaveLength(1);
  const { task } = await ask<{ task: { openRequests: number } }>(
    `{ task(id: "${taskId}") { openRequests } }`,
  );
  expect(task.openRequests).toBe(0);
  // Late words change nothing.
  agent.sayText('ence');
  agent.respond(given.id, { stopReason: 'end_turn' });
  expect(copy.list.filter(({ __typename }) => __typename === 'TurnEnd')).toHaveLength(1);
});
