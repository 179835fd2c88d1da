import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGroundcrew, type Groundcrew, type Transcript } from '../../src/client/client.ts';
import { type ConversationApp, startConversationApp } from '../support/conversation-app.ts';
import { rejection } from '../support/rejection.ts';
import { type SilentProxy, startSilentProxy } from '../support/silent-proxy.ts';

let conversations: ConversationApp;
let proxy: SilentProxy;
let groundcrew: Groundcrew;

beforeAll(async () => {
  conversations = await startConversationApp();
  proxy = await startSilentProxy(conversations.app.url);
  groundcrew = createGroundcrew({ url: proxy.url, token: conversations.app.token });
});
afterAll(async () => {
  await groundcrew.close();
  await proxy[Symbol.asyncDispose]();
  await conversations[Symbol.asyncDispose]();
});

const open = () => conversations.open();

/** What the server holds, of the fields that the tests of the server read. */
const stored = (sessionId: string) => conversations.readTranscript(sessionId);

const text = (transcript: Transcript) =>
  transcript.items.map((item) => (item.__typename === 'AgentMessage' ? item.text : '')).join('');
const isOver = (transcript: Transcript) => transcript.items.at(-1)?.__typename === 'TurnEnd';

async function readUntil(
  transcripts: AsyncIterator<Transcript, undefined>,
  is: (transcript: Transcript) => boolean,
): Promise<Transcript[]> {
  const seen: Transcript[] = [];
  for (;;) {
    const { value } = await transcripts.next();
    if (!value) throw new Error('The watch ended.');
    seen.push(value);
    if (is(value)) return seen;
  }
}

describe('watchTranscript', () => {
  it('holds what the server holds while the agent speaks and its connection is cut again and again', async () => {
    const { agent, given: prompt, sessionId } = await open();
    const transcripts = groundcrew.watchTranscript(sessionId);
    let said = '';
    for (let round = 0; round < 12; round += 1) {
      for (const piece of ['é', '👩‍🚀', ` ${round} `]) {
        said += piece;
        agent.sayText(piece);
      }
      if (round % 3 === 1) proxy.cut();
      await readUntil(transcripts, (transcript) => text(transcript).endsWith(` ${round} `));
    }
    agent.say({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'Run', rawInput: { command: 'ls' } });
    proxy.cut();
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    const last = (await readUntil(transcripts, isOver)).at(-1) as Transcript;
    await transcripts.return?.();
    expect(text(last)).toBe(said);
    expect(last).toMatchObject({ missing: 0, ...(await stored(sessionId)) });
  });

  it('reads a long transcript from its end, whole at last, while the agent speaks', async () => {
    const { agent, given: prompt, sessionId } = await open();
    const count = 350;
    for (let index = 0; index < count; index += 1)
      agent.sayText(`message ${index} `, { messageId: String(index) });
    const whole = groundcrew.watchTranscript(sessionId);
    await readUntil(whole, ({ items }) => items.length > count);

    const newestFirst = groundcrew.watchTranscript(sessionId, { newestFirst: true });
    const { value: first } = await newestFirst.next();
    agent.sayText('the end', { messageId: String(count - 1) });
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    const [seen, fromStart] = await Promise.all([
      readUntil(newestFirst, (transcript) => isOver(transcript) && transcript.missing === 0),
      readUntil(whole, isOver),
    ]);
    expect(first?.missing).toBeGreaterThan(0);
    expect(fromStart.every(({ missing }) => missing === 0)).toBe(true);
    expect(seen.at(-1)).toEqual(fromStart.at(-1));
    expect(seen.at(-1)).toMatchObject(await stored(sessionId));
    for (const each of [whole, newestFirst]) await each.return?.();
  });

  it('throws NOT_FOUND for a session that does not exist', async () => {
    const missing = groundcrew.watchTranscript('session_00000000000000000000000000');
    expect(await rejection(missing.next())).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('ends without an error when its signal aborts', async () => {
    const { sessionId } = await open();
    const controller = new AbortController();
    const transcripts = groundcrew.watchTranscript(sessionId, { signal: controller.signal });
    await transcripts.next();
    const next = transcripts.next();
    controller.abort();
    expect((await next).done).toBe(true);
  });
});
