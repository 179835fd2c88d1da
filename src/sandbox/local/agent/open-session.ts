import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type AgentServer, AgentServerGoneError } from '../../../agents/agent-server.ts';
import { serverAgentId } from '../../../agents/agents.ts';
import { AgentProcessError, AgentRefusedError, Conversation } from '../../../agents/conversation.ts';
import type { CreateSessionRequest, StepContext } from '../../provider.ts';
import { LocalSandboxError } from '../errors.ts';
import { hasSandboxMarker } from '../processes.ts';
import type { SandboxPaths } from '../sandbox-paths.ts';
import { AgentLog } from './agent-log.ts';
import { SessionRecord } from './session-record.ts';

/** The agent server that is in use in the sandbox. */
export interface ServerInUse {
  readonly server: AgentServer;
  readonly number: number;
}

// How long a prompt may stay without a sign of work before it counts as taken.
const promptGraceMs = 2_000;
// A request that was sent before its sender died reaches the server's log within moments.
const inFlightMs = 250;
// A sender that lives but has not sent by then stands still.
const standstillMs = 5_000;

/**
 * Opens the session of `request.key` and hands it the prompt; each once, whoever is killed when.
 *
 * Before each request its sender takes a claim on disk. Who finds a claim taken looks whether the server has received
 * the request: then he waits for the answer, which the server repeats. If not, and the sender is dead or stands still,
 * he takes the next claim and sends it himself. What remains: a sender that is stopped between its claim and its
 * sending, for longer than `standstillMs`, and then goes on, sends a second time.
 */
export async function openSession(
  paths: SandboxPaths,
  { server, number }: ServerInUse,
  request: CreateSessionRequest,
  context: StepContext,
  agentTimeoutMs: number,
): Promise<{ sessionId: string }> {
  const record = await SessionRecord.open(paths, request.key, number);
  const name = `${request.key}.${record.launch}`;
  const log = new AgentLog(paths.agentLog);
  const { signal } = context;
  try {
    const done = await record.read<{ sessionId: string }>('handed-over');
    if (done) return done;
    const conversation = new Conversation(server, name, serverAgentId(request.agent));
    try {
      const opening = new SessionOpening(conversation, record, log, signal, agentTimeoutMs);
      context.log(`Starting the agent ${request.agent}`);
      await opening.initialize();
      const sessionId = await opening.newSession(paths.checkout);
      context.log(`Handing the prompt to session ${sessionId}`);
      await opening.prompt(sessionId, request.prompt);
      if (!(await server.isHealthy(signal))) throw new AgentServerGoneError('The agent server has ended.');
      await record.note('handed-over', { sessionId });
      return { sessionId };
    } finally {
      conversation.leave();
    }
  } catch (error) {
    if (!signal.aborted && (error instanceof AgentProcessError || error instanceof AgentRefusedError)) {
      // What the agent said to stderr may still be on its way to the log.
      await delay(100, undefined, { signal });
      const words = await log.recentErrors();
      await record.note('failed', {});
      await endAgent(paths, server, name, log);
      const code = error instanceof AgentProcessError ? 'AGENT_FAILED' : 'SESSION_FAILED';
      throw new LocalSandboxError(code, `${error.message}${words}`, { cause: error });
    }
    throw error;
  } finally {
    record.close();
  }
}

const initialized = z.looseObject({ authMethods: z.array(z.looseObject({ id: z.string() })).nullish() });
const sessionOpened = z.looseObject({ sessionId: z.string().min(1) });

/** The three requests that open a session. */
class SessionOpening {
  readonly #conversation: Conversation;
  readonly #record: SessionRecord;
  readonly #log: AgentLog;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;

  constructor(
    conversation: Conversation,
    record: SessionRecord,
    log: AgentLog,
    signal: AbortSignal,
    timeoutMs: number,
  ) {
    this.#conversation = conversation;
    this.#record = record;
    this.#log = log;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  async initialize(): Promise<void> {
    const answer = await this.#ask('initialize', 'initialize', {
      protocolVersion: 1,
      clientCapabilities: {},
      clientInfo: { name: 'groundcrew', version: '0.1.0' },
    });
    const methods = initialized.safeParse(answer).data?.authMethods ?? [];
    // Those that need nobody: the key is in the agent's environment, or it is not and the agent says so later.
    const method = methods.find(({ id }) => /^(anthropic|openai|codex)-api-key$/.test(id));
    if (method) await this.#ask('authenticate', 'authenticate', { methodId: method.id }).catch(() => {});
  }

  async newSession(cwd: string): Promise<string> {
    const known = await this.#record.read<{ sessionId: string }>('session');
    if (known) return known.sessionId;
    const answer = sessionOpened.safeParse(
      await this.#ask('session', 'session/new', { cwd, mcpServers: [] }),
    );
    if (!answer.success) throw new AgentRefusedError('The agent opened a session without an id.');
    const { sessionId } = answer.data;
    await this.#record.note('session', { sessionId });
    return sessionId;
  }

  async prompt(sessionId: string, text: string): Promise<void> {
    const id = 'prompt';
    await this.#once(
      id,
      () => this.#conversation.isWorking(id, sessionId),
      () =>
        this.#conversation.handOver(
          id,
          sessionId,
          { prompt: [{ type: 'text', text }] },
          promptGraceMs,
          this.#signal,
        ),
      async () => {},
    );
  }

  #ask(id: string, method: string, params: object): Promise<unknown> {
    return this.#once(
      id,
      () => this.#conversation.hasResponse(id),
      () => this.#conversation.request(id, method, params, this.#timeoutMs, this.#signal),
      () => this.#conversation.response(id, this.#timeoutMs, this.#signal),
    );
  }

  /** Sends a request unless it has been sent; `found` continues with one that has. */
  async #once<T>(
    id: string,
    isAnswered: () => boolean,
    send: () => Promise<T>,
    found: () => Promise<T>,
  ): Promise<T> {
    for (let turn = 1; ; turn += 1) {
      if (await this.#record.claim(id, turn)) return await send();
      const since = Date.now();
      for (;;) {
        if (isAnswered() || (await this.#log.hasReceived(this.#conversation.name, id))) return await found();
        const patience = (await this.#record.isClaimHolderAlive(id, turn)) ? standstillMs : inFlightMs;
        if (Date.now() - since > patience) break;
        await delay(25, undefined, { signal: this.#signal });
      }
    }
  }
}

/** Ends the process of an agent that failed. The server alone would wait until it ends by itself. */
async function endAgent(
  paths: SandboxPaths,
  server: AgentServer,
  conversation: string,
  log: AgentLog,
): Promise<void> {
  const pid = await log.processOf(conversation);
  if (pid !== undefined && (await hasSandboxMarker(pid, paths.root)) === true) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  await server.close(conversation, AbortSignal.timeout(2_000)).catch(() => {});
}
