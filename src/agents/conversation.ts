import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type AgentMessage, type AgentServer, AgentServerError } from './agent-server.ts';

/** The agent's process does not start, ended, or does not answer. */
export class AgentProcessError extends Error {
  override readonly name = 'AgentProcessError';
}

/** The agent answered a request with an error. */
export class AgentRefusedError extends Error {
  override readonly name = 'AgentRefusedError';
}

const agentExited = z.object({ code: z.number().nullish() });
const sessionUpdate = z.object({
  sessionId: z.string(),
  update: z.looseObject({ sessionUpdate: z.string() }),
});

// What an agent sends only while it works on a prompt.
const workUpdates = /^(agent_(message|thought)_chunk|user_message_chunk|tool_call|tool_call_update|plan)$/;

/**
 * A conversation with one process of an agent, as far as opening a session goes. Ids of requests are names that stay
 * the same: the server repeats what the agent has said, so whoever comes after a crash finds the answer to what another
 * has asked.
 */
export class Conversation {
  readonly name: string;
  readonly #server: AgentServer;
  readonly #agent: string;
  readonly #ended = new AbortController();
  readonly #responses = new Map<string, AgentMessage>();
  readonly #working = new Set<string>();
  readonly #watchers = new Set<() => void>();
  #failure: Error | undefined;
  #noise = '';

  constructor(server: AgentServer, name: string, agent: string) {
    this.#server = server;
    this.name = name;
    this.#agent = agent;
    void this.#listen();
  }

  /** Stops listening. The agent's process goes on. */
  leave(): void {
    this.#ended.abort();
  }

  /** Sends a request and waits for the agent's answer. */
  async request(
    id: string,
    method: string,
    params: object,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const sent = new AbortController();
    const posted = this.#post(id, method, params, sent.signal);
    try {
      return await Promise.race([
        this.response(id, timeoutMs, AbortSignal.any([signal, sent.signal])),
        posted,
      ]);
    } finally {
      sent.abort();
    }
  }

  /** Waits for the answer to a request that somebody has sent. */
  async response(id: string, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    await this.#until(() => this.#responses.has(id), timeoutMs, signal);
    const response = this.#responses.get(id);
    if (response === undefined) throw new AgentProcessError(`The agent does not answer.${this.#heard()}`);
    return resultOf(response);
  }

  /**
   * Hands a prompt over, and returns when the agent works on it or has had `graceMs` to refuse it. The turn goes on
   * without us: the server has written the prompt to the agent by then and needs nobody for the rest.
   */
  async handOver(
    id: string,
    sessionId: string,
    params: object,
    graceMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const sent = new AbortController();
    const posted = this.#post(id, 'session/prompt', { sessionId, ...params }, sent.signal);
    try {
      const either = AbortSignal.any([signal, sent.signal]);
      await Promise.race([this.#until(() => this.isWorking(id, sessionId), graceMs, either), posted]);
    } finally {
      sent.abort();
    }
  }

  /** Whether the agent has begun to answer a prompt, or has answered it. */
  isWorking(promptId: string, sessionId: string): boolean {
    return this.#working.has(sessionId) || this.#responses.has(promptId);
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
          // What became of the agent's process says more than that it could not be written to.
          await this.#until(() => false, 250, signal);
          throw new AgentProcessError(`The agent cannot be asked: ${error.message}.`, { cause: error });
        },
      );
    posted.catch(() => {}); // when the race is over nobody waits for it any more
    return posted;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        for await (const message of this.#server.listen(this.name, signal)) this.#hear(message);
      } catch {
        // There is no conversation before the first request, and no server when it is gone: who asks will be told.
      }
      await delay(25, undefined, { signal }).catch(() => {});
    }
  }

  #hear(message: AgentMessage): void {
    const update = sessionUpdate.safeParse(message.params);
    if (message.method === undefined && typeof message.id === 'string')
      this.#responses.set(message.id, message);
    else if (message.method === '_adapter/agent_exited') {
      const code = agentExited.safeParse(message.params).data?.code;
      this.#failure = new AgentProcessError(
        `The agent ended${code == null ? '' : ` with exit code ${code}`}.${this.#heard()}`,
      );
    } else if (message.method === '_adapter/invalid_stdout') {
      this.#noise = JSON.stringify(message.params).slice(0, 200);
    } else if (message.method === 'session/update' && update.success) {
      if (workUpdates.test(update.data.update.sessionUpdate)) this.#working.add(update.data.sessionId);
    }
    for (const watcher of this.#watchers) watcher();
  }

  /** Waits until `isSo` or the time is over; throws when the agent's process ends before. */
  async #until(isSo: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (isSo()) resolve();
      else if (this.#failure) reject(this.#failure);
    };
    const onAbort = () => reject(signal.reason);
    const timer = setTimeout(resolve, timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watchers.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(look);
    }
  }

  #heard(): string {
    return this.#noise === '' ? '' : ` It does not speak the protocol: ${this.#noise}`;
  }
}

function resultOf(response: AgentMessage): unknown {
  if (response.error === undefined) return response.result;
  const { code, message } = response.error;
  throw new AgentRefusedError(code === -32_000 ? `The agent is not signed in: ${message}` : message);
}
