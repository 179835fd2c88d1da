import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { returns } from '../support/scripted-provider.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';

/** One that JSON escapes. */
const secret = 'a "secret" \\ of the agents';

let conversations: ConversationApp;
beforeAll(async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', secret);
  conversations = await startConversationApp();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await conversations[Symbol.asyncDispose]();
});

const open = (prompt?: string) => conversations.open(prompt);
const stored = (sessionId: string) => conversations.readTranscript(sessionId);

describe('I16 a transcript', () => {
  it('shows a turn as it happens, and as it is stored', async () => {
    const { taskId, agent, given, sessionId, copy } = await open('Say hello');
    expect(given.text).toBe('Say hello');
    agent.say({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'Hm' } });
    agent.sayText('Hel');
    agent.sayText('lo');
    await copy.until(({ list }) => list.at(-1)?.text === 'Hello');
    agent.sayText(', world');
    await copy.until(({ list }) => list.at(-1)?.text === 'Hello, world');
    expect(copy.appends).toBeGreaterThan(0);
    agent.say({
      sessionUpdate: 'tool_call',
      toolCallId: 't1',
      title: 'Run',
      kind: 'execute',
      status: 'pending',
      rawInput: { command: 'ls' },
    });
    agent.say({
      sessionUpdate: 'tool_call_update',
      toolCallId: 't1',
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: 'a\nb' } }],
    });
    agent.sayText('Done');
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    expect(copy.list).toMatchObject([
      { __typename: 'UserMessage', position: 1, text: 'Say hello', isComplete: true },
      { __typename: 'AgentThought', text: 'Hm', isComplete: true },
      { __typename: 'AgentMessage', text: 'Hello, world', isComplete: true },
      {
        __typename: 'ToolCall',
        title: 'Run',
        status: 'COMPLETED',
        input: { command: 'ls' },
        output: 'a\nb',
        outputBytes: 3,
        isComplete: true,
      },
      { __typename: 'AgentMessage', text: 'Done', isComplete: true },
      { __typename: 'TurnEnd', position: 6, stopReason: 'END_TURN', error: null },
    ]);
    expect(await stored(sessionId)).toEqual({ sequence: copy.sequence, items: copy.list });
    await conversations.running(taskId);
  });

  it('shows what was said before a connection to the agent was cut once, and what is said after it', async () => {
    const { agent, given, copy } = await open();
    let said = '';
    for (let round = 0; round < 20; round += 1) {
      const text = `${round} `;
      said += text;
      agent.sayText(text);
      agent.cut();
      if (round % 5 === 0) await waitFor(() => agent.readers > 0);
    }
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    expect(copy.list[1]?.text).toBe(said);
  });

  it('has all that was said over connections that a proxy cuts whenever they are idle', async () => {
    const { app, agents } = conversations;
    await using proxy = await startSilentProxy(agents.endpoint.baseUrl, { cutsIdleAfterMs: 300 });
    const proxied = app.provider.on('ensureAgent', returns({ ...agents.endpoint, baseUrl: proxy.url }));
    const { agent, given, copy } = await open();
    proxied.remove();
    let said = '';
    for (let round = 0; round < 4; round += 1) {
      const before = agent.connections;
      await waitFor(() => agent.connections >= before + 2);
      said += `${round} `;
      agent.sayText(`${round} `);
      await copy.until(({ list }) => list[1]?.text === said);
    }
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    expect(copy.list).toHaveLength(3);
    expect(agent.prompts).toHaveLength(1);
  });

  it('says that messages were lost when the agent server does not have them any more', async () => {
    const { agent, given, copy } = await open();
    agent.sayText('before');
    agent.skip(3);
    agent.sayText('after');
    agent.respond(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    expect(copy.list.slice(1, -1)).toMatchObject([
      { __typename: 'AgentMessage', text: 'before', isComplete: true },
      { __typename: 'Notice', code: 'MESSAGES_LOST' },
      { __typename: 'AgentMessage', text: 'after' },
    ]);
  });

  it('has the newest message also when the agent server has dropped it', async () => {
    const { agent, given, copy } = await open();
    agent.sayText('before');
    await copy.until(({ list }) => list.at(-1)?.text === 'before');
    agent.drop({ id: given.id, result: { stopReason: 'end_turn' } });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
  });

  it('ends a turn after all that was said in it when the response overtakes that', async () => {
    const { agent, given, copy } = await open();
    agent.sayText('before');
    await copy.until(({ list }) => list.at(-1)?.text === 'before');
    agent.drop({
      method: 'session/update',
      params: {
        sessionId: agent.sessionId,
        update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: ' and after' } },
      },
    });
    agent.answerPost(given.id, { stopReason: 'end_turn' });
    await copy.until(({ list }) => list.at(-1)?.stopReason === 'END_TURN');
    expect(copy.list[1]?.text).toBe('before and after');
  });

  it('shows no secret of the agents, also in lines that the agent server refuses', async () => {
    const { agent, given, copy } = await open();
    const update = {
      sessionUpdate: 'tool_call',
      toolCallId: 't1',
      title: secret,
      rawInput: { [secret]: JSON.stringify({ key: secret }) },
    };
    // Half a character makes the line one that is no JSON for the agent server.
    const refused = JSON.stringify({
      method: 'session/update',
      params: { sessionId: agent.sessionId, update: { ...update, toolCallId: 't2', kind: '\ud83d' } },
    });
    agent.say(update);
    agent.send({ method: '_adapter/invalid_stdout', params: { raw: refused } });
    agent.send({ method: '_adapter/invalid_stdout', params: { raw: `key: ${JSON.stringify(secret)}` } });
    agent.fail(given.id, `The key ${JSON.stringify(secret)} is refused.`);
    await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
    const call = { __typename: 'ToolCall', title: '[secret]', input: { '[secret]': '{"key":"[secret]"}' } };
    expect(copy.list.slice(1)).toMatchObject([
      call,
      call,
      { __typename: 'Notice', text: 'A message of the agent could not be read: key: "[secret]"' },
      { __typename: 'TurnEnd', error: { message: 'The key "[secret]" is refused.' } },
    ]);
    const rows = await conversations.app.stored.sql(
      'select to_jsonb(item) from transcript_item item union all select to_jsonb(prompt) from prompt',
    );
    expect(JSON.stringify(rows)).not.toContain('of the agents');
  });

  it('gives a client that comes back what it has missed, and nothing twice', async () => {
    const { socket } = conversations;
    const { agent, given, sessionId, copy: first } = await open();
    agent.sayText('one ');
    await first.until(({ list }) => list[1]?.text === 'one ');
    first.stop();
    agent.sayText('two ');
    await waitFor(async () => (await stored(sessionId)).sequence > first.sequence);
    const second = new TranscriptCopy(socket, sessionId, first);
    await second.applyNext();
    expect(second.list[1]?.text).toBe('one two ');
    expect(second.appends).toBe(1);
    const third = new TranscriptCopy(socket, sessionId, second);
    expect(await third.applyNext()).toMatchObject({ sequence: second.sequence, items: [], appends: [] });
    agent.respond(given.id, { stopReason: 'cancelled' });
    for (const copy of [second, third])
      await copy.until(({ list }) => list.at(-1)?.stopReason === 'CANCELED');
    expect(second.list).toEqual(third.list);
  });

  it.each([-1, 1_000])('refuses afterSequence %d, which the transcript does not have', async (after) => {
    const { sessionId } = await open();
    const { payload } = await conversations.socket.run({
      query: `subscription { transcriptUpdated(sessionId: "${sessionId}", afterSequence: ${after}) { sequence } }`,
    });
    expect(payload).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'afterSequence' } }]);
  });
});
