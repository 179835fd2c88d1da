import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGroundcrew, type Groundcrew, type Task } from '../../src/client/client.ts';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';

let conversations: ConversationApp;
let groundcrew: Groundcrew;
beforeAll(async () => {
  conversations = await startConversationApp();
  groundcrew = createGroundcrew(conversations.app);
});
afterAll(async () => {
  await groundcrew.close();
  await conversations[Symbol.asyncDispose]();
});

async function open() {
  const conversation = await conversations.open();
  await conversations.running(conversation.taskId);
  return conversation;
}

/** Resolves with the first revision of which that is true. */
async function taskUntil(id: string, is: (task: Task) => boolean): Promise<Task> {
  for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) if (is(task)) return task;
  throw new Error('The watch ended.');
}

describe('sendPrompt', () => {
  it('stores a prompt once for its idempotency key, and the agent gets it', async () => {
    const { agent, given, sessionId } = await open();
    const input = { sessionId, text: 'And now?', idempotencyKey: 'client' };
    const prompt = await groundcrew.sendPrompt(input);
    expect(prompt).toMatchObject({ text: 'And now?', state: 'QUEUED' });
    expect(await groundcrew.sendPrompt(input)).toMatchObject({ id: prompt.id });
    agent.respond(given.id, { stopReason: 'end_turn' });
    expect(await agent.nextPrompt()).toMatchObject({ id: prompt.id, text: 'And now?' });
    expect(await rejection(groundcrew.removePrompt(prompt.id))).toMatchObject({ code: 'INVALID_STATE' });
  });

  it('rejects with the code and the field of what is wrong', async () => {
    const { sessionId } = await open();
    expect(await rejection(groundcrew.sendPrompt({ sessionId, text: '' }))).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'text',
    });
  });
});

describe('answer', () => {
  it('answers a request of the agent, and a later answer with another option is refused', async () => {
    const { agent, taskId, sessionId } = await open();
    agent.ask('ask');
    await taskUntil(taskId, ({ openRequests }) => openRequests === 1);
    const [request] = (await conversations.readSession(sessionId)).requests;
    const requestId = request?.id as string;
    expect(await groundcrew.answer({ requestId, optionId: 'no' })).toMatchObject({ state: 'ANSWERED' });
    expect(await rejection(groundcrew.answer({ requestId, optionId: 'yes' }))).toMatchObject({
      code: 'INVALID_STATE',
    });
    const answered = await waitFor(() => agent.ledger.find(({ id, result }) => id === 'ask' && result));
    expect(answered.result).toEqual({ outcome: { outcome: 'selected', optionId: 'no' } });
  });
});

describe('interrupt', () => {
  it('stops what the agent works on, and leaves it alone when it works on another prompt by then', async () => {
    const { agent, given, taskId, sessionId, copy } = await open();
    expect(await groundcrew.interrupt(sessionId, given.id)).toMatchObject({ id: sessionId });
    await waitFor(() => agent.ledger.some(({ method }) => method === 'session/cancel'));
    agent.respond(given.id, { stopReason: 'cancelled' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'CANCELED');
    const { id } = await groundcrew.sendPrompt({ sessionId, text: 'next' });
    await agent.nextPrompt();
    await groundcrew.interrupt(sessionId, given.id);
    agent.respond(id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    expect(agent.ledger.filter(({ method }) => method === 'session/cancel')).toHaveLength(1);
    await taskUntil(taskId, ({ sessions }) => sessions[0]?.activity === 'IDLE');
  });
});
