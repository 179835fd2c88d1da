import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type AgentMessage, type AgentServer, AgentServerError } from './agent-server.ts';

/** The agent's process does not start, has ended, or does not answer. */
export class AgentProcessError extends Error {
  override readonly name = 'AgentProcessError';
}

/** The agent answered a request with an error. */
export class AgentRefusedError extends Error {
  override readonly name = 'AgentRefusedError';
}

const agentExited = z.object({ code: z.number().nullish() });

/** How long to wait for the news that the agent's process has ended, after a request could not be written to it. */
const exitNewsMs = 250;
const reconnectMs = 25;

/**
 * A conversation with one process of an agent: the part of the Agent Client Protocol that opens a session. Requests have ids
 * that stay the same in every process of ours. The server repeats what the agent has said, so a later process finds the
 * answers to the requests of an earlier one.
 */
export class Conversation {
  readonly name: string;
  readonly #server: AgentServer;
  readonly #agent: string;
  readonly #stopped = new AbortController();
  readonly #responses = new Map<string, AgentMessage>();
  readonly #watchers = new Set<() => void>();
  #failure: Error | undefined;
  /** What the agent wrote to stdout that is no message of the protocol. */
  #invalidOutput = '';

  constructor(server: AgentServer, name: string, agent: string) {
    this.#server = server;
    this.name = name;
    this.#agent = agent;
    void this.#listen();
  }

  /** The agent's process goes on. */
  stopListening(): void {
    this.#stopped.abort();
  }

  /** Sends a request and waits for the agent's answer. */
  async request(
    id: string,
    method: string,
    params: object,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const settled = new AbortController();
    const posted = this.#post(id, method, params, settled.signal);
    try {
      return await Promise.race([
        this.response(id, timeoutMs, AbortSignal.any([signal, settled.signal])),
        posted,
      ]);
    } finally {
      settled.abort();
    }
  }

  /** Waits for the answer to a request that was sent, by this process or another. */
  async response(id: string, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    await this.#waitUntil(() => this.#responses.has(id), timeoutMs, signal);
    const response = this.#responses.get(id);
    if (response === undefined)
      throw new AgentProcessError(`The agent does not answer.${this.#describeOutput()}`);
    return resultOf(response);
  }

  hasResponse(id: string): boolean {
    return this.#responses.has(id);
  }

  #post(id: string, method: string, params: object, signal: AbortSignal): Promise<unknown> {
    const posted = this.#server
      .send(this.name, this.#agent, { jsonrpc: '2.0', id, method, params }, signal)
      .then(
        (response) => resultOf(response),
        async (error: unknown) => {
          if (!(error instanceof AgentServerError)) throw error;
          // How the agent's process ended explains more than that the server could not write to it.
          await this.#waitUntil(() => false, exitNewsMs, signal);
          throw new AgentProcessError(`The agent cannot be asked: ${error.message}.`, { cause: error });
        },
      );
    posted.catch(() => {}); // it may reject after the race that awaits it is over
    return posted;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        for await (const message of this.#server.listen(this.name, signal)) this.#receive(message);
      } catch {
        // The conversation does not exist before its first request, or the server is gone: the requests report that.
      }
      await delay(reconnectMs, undefined, { signal }).catch(() => {});
    }
  }

  #receive(message: AgentMessage): void {
    if (message.method === undefined && typeof message.id === 'string')
      this.#responses.set(message.id, message);
    else if (message.method === '_adapter/agent_exited') {
      const code = agentExited.safeParse(message.params).data?.code;
      this.#failure = new AgentProcessError(
        `The agent ended${code == null ? '' : ` with exit code ${code}`}.${this.#describeOutput()}`,
      );
    } else if (message.method === '_adapter/invalid_stdout') {
      this.#invalidOutput = JSON.stringify(message.params).slice(0, 200);
    }
    for (const watcher of this.#watchers) watcher();
  }

  /** Waits until the condition is true or the time is over. Throws when the agent's process ends before. */
  async #waitUntil(condition: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => {
      if (condition()) resolve();
      else if (this.#failure) reject(this.#failure);
    };
    const onAbort = () => reject(signal.reason);
    const timer = setTimeout(resolve, timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watchers.add(check);
    check();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(check);
    }
  }

  #describeOutput(): string {
    return this.#invalidOutput === '' ? '' : ` It does not speak the protocol: ${this.#invalidOutput}`;
  }
}

function resultOf(response: AgentMessage): unknown {
  if (response.error === undefined) return response.result;
  const { code, message } = response.error;
  throw new AgentRefusedError(code === -32_000 ? `The agent is not signed in: ${message}` : message);
}
