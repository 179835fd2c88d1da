import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { createParser } from 'eventsource-parser';
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

// The server listens on a loopback address, which no proxy reaches. `fetch` and Node's global agent use the proxy of
// HTTP_PROXY when NODE_USE_ENV_PROXY is set; an agent of our own does not.
const withoutProxy = new Agent();

/**
 * A client of a sandbox's agent server, over its HTTP API. Why not sandbox-agent's own SDK: docs/decisions/0010-agent-server.md.
 */
export class AgentServer {
  readonly baseUrl: string;
  readonly token: string | undefined;

  constructor(endpoint: { baseUrl: string; token?: string | undefined }) {
    this.baseUrl = endpoint.baseUrl.replace(/\/+$/, '');
    this.token = endpoint.token;
  }

  /** Whether the server says within `timeoutMs` that it is well. */
  async isHealthy(signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    return (await this.#askForHealth(signal, timeoutMs)) === 'healthy';
  }

  /** Whether the server answers anything at all within `timeoutMs`, an error included. */
  async answers(signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    return (await this.#askForHealth(signal, timeoutMs)) !== 'unanswered';
  }

  async #askForHealth(signal: AbortSignal, timeoutMs: number): Promise<'healthy' | 'refused' | 'unanswered'> {
    try {
      await this.#requestText('GET', '/v1/health', AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      return 'healthy';
    } catch (error) {
      signal.throwIfAborted();
      return error instanceof AgentServerError ? 'refused' : 'unanswered';
    }
  }

  /** The agents that this server knows, and whether it finds them installed. */
  async agents(signal: AbortSignal): Promise<ReadonlyMap<string, boolean>> {
    const { agents } = agentList.parse(JSON.parse(await this.#requestText('GET', '/v1/agents', signal)));
    return new Map(agents.map((agent) => [agent.id, agent.installed]));
  }

  /**
   * Sends a request to the agent and waits for the agent's response. The first request of a conversation starts the agent's
   * process; the server starts one process, also when several requests arrive at the same time.
   *
   * An aborted request may not reach the agent, or only a part of it: the server stops whatever it does for a request whose
   * connection is closed.
   */
  async send(
    conversation: string,
    agent: string,
    message: object,
    signal: AbortSignal,
  ): Promise<AgentMessage> {
    const path = `/v1/acp/${encodeURIComponent(conversation)}?agent=${encodeURIComponent(agent)}`;
    const response = await this.#requestText('POST', path, signal, JSON.stringify(message));
    return agentMessage.parse(JSON.parse(response));
  }

  /** The messages of the agent: first the last thousand that it has sent already, then each new one. */
  async *listen(conversation: string, signal: AbortSignal): AsyncGenerator<AgentMessage> {
    const response = await this.openStream(conversation, 0, signal);
    response.setEncoding('utf8');
    const messages: AgentMessage[] = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        const message = agentMessage.safeParse(parseJson(data));
        if (message.success) messages.push(message.data);
      },
    });
    for await (const chunk of response as AsyncIterable<string>) {
      parser.feed(chunk);
      yield* messages.splice(0);
    }
  }

  /**
   * Sends a message to the agent of a conversation that exists, and resolves with the answer of the server: for a request the
   * agent's response, which may take hours or never come; nothing for all else. `onWritten` is called once all of the message
   * is with the operating system.
   *
   * Names no agent, so that the server cannot start another one for a conversation that it does not know any more.
   */
  async post(
    conversation: string,
    message: object,
    signal: AbortSignal,
    onWritten: () => void = () => {},
  ): Promise<string> {
    const path = `/v1/acp/${encodeURIComponent(conversation)}`;
    return await this.#requestText('POST', path, signal, JSON.stringify(message), onWritten);
  }

  /** The stream of a conversation's messages (server-sent events) after the one of that number. */
  async openStream(conversation: string, after: number, signal: AbortSignal): Promise<IncomingMessage> {
    const path = `/v1/acp/${encodeURIComponent(conversation)}`;
    return await this.#request('GET', path, signal, undefined, {
      accept: 'text/event-stream',
      ...(after > 0 ? { 'last-event-id': String(after) } : {}),
    });
  }

  /** Ends the conversation and its agent's process. */
  async close(conversation: string, signal: AbortSignal): Promise<void> {
    await this.#requestText('DELETE', `/v1/acp/${encodeURIComponent(conversation)}`, signal);
  }

  async #requestText(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: string,
    onWritten?: () => void,
  ): Promise<string> {
    const response = await this.#request(method, path, signal, body, {}, onWritten);
    return await text(response).catch((cause: unknown) => {
      throw gone(signal, cause);
    });
  }

  async #request(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
    onWritten: () => void = () => {},
  ): Promise<IncomingMessage> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request(this.baseUrl + path, {
      method,
      signal,
      agent: withoutProxy,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
      .on('response', resolve)
      .on('finish', onWritten)
      .on('error', reject)
      .end(body);
    const response = await promise.catch((cause: unknown) => {
      throw gone(signal, cause);
    });
    const { statusCode: status = 0 } = response;
    if (status >= 200 && status < 300) return response;
    const problem = parseJson(await text(response).catch(() => ''));
    // Another agent server may have the port by now. It does not know our token.
    if (status === 401) throw new AgentServerGoneError('Another agent server answers on the port.');
    const { data } = z.object({ detail: z.string() }).safeParse(problem);
    throw new AgentServerError(data?.detail ?? `HTTP ${status}`, status);
  }
}

function gone(signal: AbortSignal, cause: unknown): unknown {
  return signal.aborted
    ? signal.reason
    : new AgentServerGoneError('The agent server does not answer.', { cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
