import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** An agent of a load generator: what it says goes to whoever follows it. */
export class TalkingAgent {
  readonly name: string;
  #lastId = 0;
  #reader: ServerResponse | undefined;
  readonly #prompts: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get isReady(): boolean {
    return this.#reader !== undefined && this.#prompts.length > 0;
  }

  follow(reader: ServerResponse): void {
    // A second look, which this server has nothing to say to.
    if (this.#reader && !this.#reader.destroyed) return;
    this.#reader = reader;
  }

  prompt(id: string): void {
    this.#prompts.push(id);
  }

  say(piece: string, messageId?: string): void {
    const update = {
      sessionUpdate: 'agent_message_chunk',
      content: { type: 'text', text: piece },
      ...(messageId === undefined ? {} : { messageId }),
    };
    this.#send({ method: 'session/update', params: { sessionId: this.name, update } });
  }

  endTurn(): void {
    this.#send({ id: this.#prompts.shift(), result: { stopReason: 'end_turn' } });
  }

  #send(message: object): void {
    this.#lastId += 1;
    this.#reader?.write(`id: ${this.#lastId}\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
  }
}

/** An agent server that does as little as it can, on that port. */
export async function startTalkingAgents(port: number): Promise<ReadonlyMap<string, TalkingAgent>> {
  const agents = new Map<string, TalkingAgent>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const name = (request.url ?? '').split(/[/?]/)[3] ?? '';
    if (name === '') return response.end('{}');
    const agent = agents.get(name) ?? new TalkingAgent(name);
    agents.set(name, agent);
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      return agent.follow(response);
    }
    const { id, method } = JSON.parse(await text(request)) as { id?: string; method?: string };
    // A request is never answered here: its response comes on the stream.
    if (method === 'session/prompt' && id !== undefined) agent.prompt(id);
    else response.writeHead(202).end();
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return agents;
}
