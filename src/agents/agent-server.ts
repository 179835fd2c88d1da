import { z } from 'zod';

/** The agent server does not answer, or another program answers on its port: its process is gone. */
export class AgentServerGoneError extends Error {
  override readonly name = 'AgentServerGoneError';
}

/** The agent server answered with an error. */
export class AgentServerError extends Error {
  override readonly name = 'AgentServerError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A JSON-RPC message of the Agent Client Protocol, as the agent sent it. */
const agentMessage = z.looseObject({
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number(), message: z.string() }).optional(),
});
export type AgentMessage = z.infer<typeof agentMessage>;

const agentList = z.object({ agents: z.array(z.object({ id: z.string(), installed: z.boolean() })) });

/**
 * A client of a sandbox's agent server, over its HTTP API.
 *
 * sandbox-agent's own SDK is not used: when an agent's process cannot start, it throws outside of its promises, which ends
 * our process. Here every failure is a rejected promise.
 */
export class AgentServer {
  readonly baseUrl: string;
  readonly token: string | undefined;

  constructor(endpoint: { baseUrl: string; token?: string | undefined }) {
    this.baseUrl = endpoint.baseUrl.replace(/\/+$/, '');
    this.token = endpoint.token;
  }

  async isHealthy(signal: AbortSignal): Promise<boolean> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(2_000)]);
    try {
      await (await this.#request('GET', '/v1/health', timeout)).arrayBuffer();
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  /** The agents that this server knows, and whether it finds them installed. */
  async agents(signal: AbortSignal): Promise<ReadonlyMap<string, boolean>> {
    const response = await this.#request('GET', '/v1/agents', signal);
    const { agents } = agentList.parse(await response.json());
    return new Map(agents.map((agent) => [agent.id, agent.installed]));
  }

  /**
   * Sends a request to the agent and waits for the agent's response. The first request of a conversation starts the agent's
   * process; the server starts one process, also when several requests arrive at the same time.
   */
  async send(
    conversation: string,
    agent: string,
    message: object,
    signal: AbortSignal,
  ): Promise<AgentMessage> {
    const path = `/v1/acp/${encodeURIComponent(conversation)}?agent=${encodeURIComponent(agent)}`;
    const response = await this.#request('POST', path, signal, JSON.stringify(message));
    return agentMessage.parse(await response.json());
  }

  /** The messages of the agent: first the last thousand that it has sent already, then each new one. */
  async *listen(conversation: string, signal: AbortSignal): AsyncGenerator<AgentMessage> {
    const path = `/v1/acp/${encodeURIComponent(conversation)}`;
    const { body } = await this.#request('GET', path, signal, undefined, 'text/event-stream');
    if (!body) return;
    let buffer = '';
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      buffer += text.replaceAll('\r', '');
      const events = buffer.split('\n\n');
      buffer = events.pop() ?? '';
      for (const event of events) {
        const data = event
          .split('\n')
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice(5).trimStart());
        const message = agentMessage.safeParse(parseJson(data.join('\n')));
        if (message.success) yield message.data;
      }
    }
  }

  /** Ends the conversation and its agent's process. */
  async close(conversation: string, signal: AbortSignal): Promise<void> {
    await this.#request('DELETE', `/v1/acp/${encodeURIComponent(conversation)}`, signal);
  }

  async #request(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: string,
    accept = 'application/json',
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.baseUrl + path, {
        method,
        signal,
        headers: {
          accept,
          ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new AgentServerGoneError('The agent server does not answer.', { cause });
    }
    if (response.ok) return response;
    const problem = parseJson(await response.text().catch(() => ''));
    // Another agent server may have the port by now. It does not know our token.
    if (response.status === 401) throw new AgentServerGoneError('Another agent server answers on the port.');
    const detail = z.object({ detail: z.string() }).safeParse(problem);
    throw new AgentServerError(detail.data?.detail ?? `HTTP ${response.status}`, response.status);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
