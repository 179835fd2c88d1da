// An agent server with scripted agents: real HTTP and server-sent events, in the manner of sandbox-agent. What an agent says
// and when is the test's; the ledger has all that it was given, in order.
//
//   await using agents = await startScriptedAgentServer();
//   provider.on('ensureAgent', returns(agents.endpoint));
//   provider.on('createSession', agents.opensSessions());
//   const agent = await agents.agent();                    // of the first session
//   const prompt = await agent.nextPrompt();
//   agent.say({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'Hello' } });
//   agent.respond(prompt.id, { stopReason: 'end_turn' });

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Behaviour } from './scripted-provider.ts';
import { waitFor } from './wait-for.ts';

interface Rpc {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
}

export interface GivenPrompt {
  readonly id: string;
  readonly text: string;
}

/** Messages that the server keeps for readers that come back. */
const ringSize = 1_024;

export class ScriptedAgent {
  readonly name: string;
  /** Messages that are kept for readers that come back. */
  ringSize = ringSize;
  /** Whether requests are answered on the stream alone, as by a server that has given up on them. */
  answersPosts = true;
  /** Called with each answer to a request of the agent that comes from now on. */
  onAnswer: ((id: string | number, result: unknown) => void) | undefined;
  /** All that it was given, in order. */
  readonly ledger: Rpc[] = [];
  readonly sessionId: string;
  readonly #ring: { readonly id: number; readonly frame: string }[] = [];
  readonly #readers = new Set<ServerResponse>();
  readonly #waiting = new Map<string | number, ServerResponse>();
  /** Called with each prompt that comes from now on. */
  onPrompt: ((prompt: GivenPrompt) => void) | undefined;
  /** How often somebody began to read. */
  connections = 0;
  #isDead = false;
  #lastId = 0;
  #seenPrompts = 0;

  constructor(name: string) {
    this.name = name;
    this.sessionId = `session-of-${name}`;
  }

  get prompts(): GivenPrompt[] {
    return this.ledger
      .filter(({ method }) => method === 'session/prompt')
      .map(({ id, params }) => ({
        id: String(id),
        text: ((params?.prompt ?? []) as { text: string }[]).map((block) => block.text).join('\n'),
      }));
  }

  /** The next prompt that no earlier call has returned. */
  async nextPrompt(): Promise<GivenPrompt> {
    const index = this.#seenPrompts;
    this.#seenPrompts += 1;
    await waitFor(() => this.prompts.length > index, 30_000, `prompt ${index + 1} of ${this.name}`);
    return this.prompts[index] as GivenPrompt;
  }

  /** Sends a `session/update`. */
  say(update: Record<string, unknown>): void {
    this.send({ method: 'session/update', params: { sessionId: this.sessionId, update } });
  }

  sayText(chunk: string, more: Record<string, unknown> = {}): void {
    this.say({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: chunk }, ...more });
  }

  /** Asks for permission to use a tool. The answer has the same id. */
  ask(id: string | number, title = 'Delete'): void {
    const toolCall = { toolCallId: `call-${id}`, title, kind: 'execute' };
    const options = [
      { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
      { optionId: 'no', name: 'Reject', kind: 'reject_once' },
    ];
    const params = { sessionId: this.sessionId, toolCall, options };
    this.send({ id, method: 'session/request_permission', params });
  }

  respond(id: string | number, result: unknown): void {
    this.send({ id, result });
  }

  fail(id: string | number, message: string): void {
    this.send({ id, error: { code: -32_000, message } });
  }

  /** Sends any message to all who read, and to whom waits for it. */
  send(message: Record<string, unknown>): void {
    const json = JSON.stringify({ jsonrpc: '2.0', ...message });
    const frame = this.#keep(json);
    for (const reader of this.#readers) reader.write(frame);
    if (message.method !== undefined || !this.answersPosts) return;
    this.#waiting.get(message.id as string)?.end(json);
    this.#waiting.delete(message.id as string);
  }

  /** Drops a message for all who read now. Whoever comes back gets it. */
  drop(message: Record<string, unknown>): void {
    this.#keep(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  #keep(json: string): string {
    this.#lastId += 1;
    const frame = `event: message\nid: ${this.#lastId}\ndata: ${json}\n\n`;
    this.#ring.push({ id: this.#lastId, frame });
    if (this.#ring.length > this.ringSize) this.#ring.shift();
    return frame;
  }

  /** Answers a request to whom waits for it, and nobody else. */
  answerPost(id: string | number, result: unknown): void {
    this.#waiting.get(id)?.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  }

  /** Numbers that nobody will ever read. */
  skip(count: number): void {
    this.#lastId += count;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Cuts the connections of all who read. */
  cut(): void {
    for (const reader of this.#readers) reader.destroy();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Its process ends: nothing reaches it any more. */
  die(): void {
    this.send({ method: '_adapter/agent_exited', params: { code: 1 } });
    this.#isDead = true;
  }

  read(response: ServerResponse, after: number): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const { id, frame } of this.#ring) if (id > after) response.write(frame);
    this.#readers.add(response);
    this.connections += 1;
    response.once('close', () => this.#readers.delete(response));
  }

  receive(message: Rpc, response: ServerResponse): void {
    if (this.#isDead) {
      response.writeHead(502).end('{}');
      return;
    }
    this.ledger.push(message);
    if (message.method === undefined || message.id === undefined) {
      response.writeHead(202).end();
      if (message.id !== undefined) this.onAnswer?.(message.id, message.result);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    this.#waiting.set(message.id, response);
    const prompt = this.prompts.at(-1);
    if (message.method === 'session/prompt' && prompt) this.onPrompt?.(prompt);
  }
}

export class ScriptedAgentServer implements AsyncDisposable {
  readonly endpoint: { readonly baseUrl: string; readonly token: string };
  readonly agents = new Map<string, ScriptedAgent>();
  /** Whether it says that it is healthy. False: who asks waits until it is true again. */
  answersHealth = true;
  /** How often it was asked. */
  healthChecks = 0;
  readonly #server: Server;
  readonly #sockets = new Set<ServerResponse>();

  constructor(server: Server) {
    this.#server = server;
    this.endpoint = {
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      token: 'token-of-the-agents',
    };
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /**
   * For a provider's `createSession`: each session is a connection to an agent of its own. One whose agent is dead gets
   * another one.
   */
  opensSessions(launch = 'first', onNew: (agent: ScriptedAgent, key: string) => void = () => {}): Behaviour {
    return ({ call }) => {
      let name = `acp-${call.key}-${launch}`;
      for (let next = 2; this.agents.get(name)?.isDead; next += 1) name = `acp-${call.key}-${launch}-${next}`;
      let agent = this.agents.get(name);
      if (!agent) {
        agent = new ScriptedAgent(name);
        this.agents.set(name, agent);
        onNew(agent, call.key);
      }
      return { sessionId: agent.sessionId, acp: { server: name } };
    };
  }

  /** The agent of the nth session that was opened, 1 the first. */
  async agent(nth = 1): Promise<ScriptedAgent> {
    await waitFor(() => this.agents.size >= nth, 30_000, `session ${nth} is opened`);
    return [...this.agents.values()][nth - 1] as ScriptedAgent;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#sockets.add(response);
    response.once('close', () => this.#sockets.delete(response));
    const { pathname } = new URL(request.url ?? '/', this.endpoint.baseUrl);
    if (request.headers.authorization !== `Bearer ${this.endpoint.token}`) {
      response.writeHead(401).end();
      return;
    }
    if (pathname === '/v1/health') {
      this.healthChecks += 1;
      await waitFor(() => this.answersHealth || response.closed, 60_000);
      response.writeHead(200).end('{}');
      return;
    }
    const agent = this.agents.get(decodeURIComponent(pathname.replace('/v1/acp/', '')));
    if (!agent) {
      response.writeHead(404).end('{}');
      return;
    }
    if (request.method === 'GET') agent.read(response, Number(request.headers['last-event-id'] ?? 0));
    else agent.receive(JSON.parse(await text(request)) as Rpc, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export async function startScriptedAgentServer(): Promise<ScriptedAgentServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new ScriptedAgentServer(server);
}
