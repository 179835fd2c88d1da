import { setTimeout as delay } from 'node:timers/promises';
import type { Transcript } from '../../../src/client/client.ts';
import { isLong } from '../../support/chaos-form.ts';
import type { GivenPrompt, ScriptedAgent } from '../../support/scripted-agent-server.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';

/** What an agent does with each of its prompts. */
export const manners = ['talk', 'flood', 'silent', 'ask', 'die', 'late', 'huge'] as const;
export type Manner = (typeof manners)[number];

/** Bytes of the output that `huge` puts out. Each follower and each reader that comes back reads it all again. */
const hugeBytes = (isLong ? 50 : 10) * 1024 * 1024;
/** Pieces of what `flood` says at once. */
const floodPieces = isLong ? 2_500 : 500;

const options = [
  { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
  { optionId: 'no', name: 'Reject', kind: 'reject_once' },
];

/** The agents of one session, one after the other, and what they have said: what its transcript must show in the end. */
export class Talker {
  readonly sessionId: string;
  readonly manner: Manner;
  /** A line for each item, as {@link linesOf} makes them of a transcript. */
  readonly said: string[] = [];
  readonly agents: ScriptedAgent[] = [];
  /** All prompts that the agents were given, in order. */
  readonly given: string[] = [];
  readonly #random: SeededRandom;
  #working: Promise<void> = Promise.resolve();
  #calls = 0;

  constructor(sessionId: string, manner: Manner, random: SeededRandom) {
    this.sessionId = sessionId;
    this.manner = manner;
    this.#random = random;
  }

  /** Rejects when one of its agents could not do its work. */
  get idle(): Promise<void> {
    return this.#working;
  }

  /** An agent of the session was started. */
  add(agent: ScriptedAgent): void {
    if (this.agents.length > 0) this.said.push('Notice AGENT_RESTARTED');
    this.agents.push(agent);
    // What is lost because nobody reads for seconds is another test's.
    agent.ringSize = 100_000;
    agent.answersPosts = this.manner !== 'late';
    agent.onPrompt = (prompt) => {
      this.given.push(prompt.id);
      this.#working = this.#working.then(() => this.#work(agent, prompt));
    };
  }

  async #work(agent: ScriptedAgent, prompt: GivenPrompt): Promise<void> {
    this.said.push(`UserMessage ${prompt.text}`);
    const end = (stopReason: string) => {
      this.said.push(`TurnEnd ${stopReason}`);
      agent.respond(prompt.id, { stopReason });
    };
    switch (this.manner) {
      case 'talk':
        await this.#talk(agent);
        return end('END_TURN');
      case 'flood':
        await this.#say(agent, 'agent_message', floodPieces, 0.01);
        return end('MAX_TOKENS');
      case 'silent':
      case 'late':
        await delay(this.#random.between(500, 3_000));
        await this.#say(agent, 'agent_message', 3, 0);
        return end('END_TURN');
      case 'ask':
        this.#callTool(agent, await this.#ask(agent), 'completed', 'done');
        return end('END_TURN');
      case 'die': {
        await this.#say(agent, 'agent_message', 5, 0.5);
        void this.#ask(agent);
        this.#noteCall('', 'FAILED');
        await delay(this.#random.between(0, 300));
        this.said.push('TurnEnd FAILED');
        agent.die();
        return;
      }
      case 'huge':
        this.#callTool(agent, this.#nameCall(), 'completed', 'é'.repeat(hugeBytes / 2));
        return end('END_TURN');
    }
  }

  async #talk(agent: ScriptedAgent): Promise<void> {
    await this.#say(agent, 'agent_thought', 10, 0.2);
    await this.#say(agent, 'agent_message', 20, 0.2);
    const name = this.#nameCall();
    agent.say({ sessionUpdate: 'tool_call', toolCallId: name, title: name, rawInput: { a: '\0' } });
    await delay(this.#random.between(0, 100));
    this.#callTool(agent, name, 'completed', `out\n👩‍🚀 ${this.#random.next()}`);
    await this.#say(agent, 'agent_message', 20, 0.2);
  }

  /** Says a text in pieces. `pause` is how often it pauses after a piece. */
  async #say(
    agent: ScriptedAgent,
    kind: 'agent_message' | 'agent_thought',
    pieces: number,
    pause: number,
  ): Promise<void> {
    let text = '';
    for (let piece = 0; piece < pieces; piece += 1) {
      const added = this.#random.pick(['word ', 'é', '👩‍🚀', '\n', `${piece} `, '日本', '"\\', '<b>']);
      text += added;
      agent.say({ sessionUpdate: `${kind}_chunk`, content: { type: 'text', text: added } });
      if (this.#random.chance(pause)) await delay(this.#random.between(0, 40));
    }
    this.said.push(`${kind === 'agent_message' ? 'AgentMessage' : 'AgentThought'} ${text}`);
  }

  /** Resolves with the name of the tool call once a person has answered. */
  #ask(agent: ScriptedAgent): Promise<string> {
    const name = this.#nameCall();
    const { promise, resolve } = Promise.withResolvers<string>();
    agent.onAnswer = (id) => {
      if (id === name) resolve(name);
    };
    agent.send({
      id: name,
      method: 'session/request_permission',
      params: { sessionId: agent.sessionId, toolCall: { toolCallId: name, title: name }, options },
    });
    return promise;
  }

  #callTool(agent: ScriptedAgent, name: string, status: string, output: string): void {
    const content = [{ type: 'content', content: { type: 'text', text: output } }];
    agent.say({ sessionUpdate: 'tool_call_update', toolCallId: name, title: name, status, content });
    this.said.push(`ToolCall ${name} ${status.toUpperCase()} ${Buffer.byteLength(output)} bytes`);
  }

  #noteCall(output: string, status: string): void {
    this.said.push(`ToolCall call ${this.#calls} ${status} ${Buffer.byteLength(output)} bytes`);
  }

  #nameCall(): string {
    this.#calls += 1;
    return `call ${this.#calls}`;
  }
}

/** A line for each item of a transcript. */
export function linesOf({ items }: Transcript): string[] {
  return items.map((item) => {
    if (!item.isComplete) return `${item.__typename} that is not complete`;
    switch (item.__typename) {
      case 'UserMessage':
      case 'AgentMessage':
      case 'AgentThought':
        return `${item.__typename} ${item.text}`;
      case 'ToolCall':
        return `ToolCall ${item.title} ${item.status} ${item.outputBytes} bytes`;
      case 'TurnEnd':
        return `TurnEnd ${item.stopReason}`;
      case 'Notice':
        return `Notice ${item.code}`;
      default:
        return String(item.__typename);
    }
  });
}
