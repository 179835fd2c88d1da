import { setTimeout as wait } from 'node:timers/promises';
import type {
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionUpdate,
} from '@agentclientprotocol/sdk';

/** What a scene may do in a turn. */
export interface Turn {
  readonly isCanceled: () => boolean;
  say(update: SessionUpdate): Promise<void>;
  ask(request: Omit<RequestPermissionRequest, 'sessionId'>): Promise<RequestPermissionResponse>;
}

type Scene = (turn: Turn) => Promise<void>;

/** Milliseconds between two pieces of a stream. */
const pieceMs = 50;
const rounds = 10;

const text = (words: string) => ({ type: 'text', text: words }) as const;

/** Scenes by the word of the prompt that starts them, in the order in which they are played. README.md lists them. */
const scenes: Readonly<Record<string, Scene>> = {
  async plan(turn) {
    const entries = ['Read the prompt', 'Play what it asks for'];
    for (let done = 0; done <= entries.length; done += 1) {
      await turn.say({
        sessionUpdate: 'plan',
        entries: entries.map((content, index) => ({
          content,
          priority: 'medium',
          status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending',
        })),
      });
    }
  },

  async diff(turn) {
    const call = { toolCallId: `diff-${crypto.randomUUID()}`, title: 'Edit greeting.txt' };
    await turn.say({ sessionUpdate: 'tool_call', ...call, kind: 'edit', status: 'in_progress' });
    await turn.say({
      sessionUpdate: 'tool_call_update',
      toolCallId: call.toolCallId,
      status: 'completed',
      locations: [{ path: 'greeting.txt', line: 1 }],
      content: [{ type: 'diff', path: 'greeting.txt', oldText: 'Hello\n', newText: 'Hello, world\n' }],
    });
  },

  async stream(turn) {
    const sentence = 'This is **one** of many pieces. ';
    for (let round = 0; round < rounds; round += 1) {
      for (const word of sentence.split(/(?<= )/)) {
        if (turn.isCanceled()) return;
        await turn.say({ sessionUpdate: 'agent_message_chunk', content: text(word) });
        await wait(pieceMs);
      }
    }
  },

  async ask(turn) {
    const call = { toolCallId: `ask-${crypto.randomUUID()}`, title: 'Greet everybody' };
    await turn.say({ sessionUpdate: 'tool_call', ...call, kind: 'execute', status: 'pending' });
    const { outcome } = await turn.ask({
      toolCall: call,
      options: [
        { optionId: 'allow', name: 'Allow', kind: 'allow_once' },
        { optionId: 'reject', name: 'Reject', kind: 'reject_once' },
      ],
    });
    const isAllowed = outcome.outcome === 'selected' && outcome.optionId === 'allow';
    await turn.say({
      sessionUpdate: 'tool_call_update',
      toolCallId: call.toolCallId,
      status: isAllowed ? 'completed' : 'failed',
      content: [{ type: 'content', content: text(isAllowed ? 'Hello, everybody' : 'It was not allowed.') }],
    });
  },
};

/** Plays the scenes whose words are in the prompt. Nothing is changed in the checkout. */
export async function playScenes(prompt: string, turn: Turn): Promise<void> {
  const words = new Set(prompt.toLowerCase().match(/\p{L}+/gu));
  for (const [word, scene] of Object.entries(scenes)) {
    if (words.has(word) && !turn.isCanceled()) await scene(turn);
  }
}
