import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import packageJson from '../../../../package.json' with { type: 'json' };
import type { AgentServer } from '../../../agents/agent-server.ts';
import { serverAgentId } from '../../../agents/agents.ts';
import { AgentProcessError, AgentRefusedError, Conversation } from '../../../agents/conversation.ts';
import { isPidInUse } from '../../../process-identity.ts';
import type { CreateSessionRequest, OpenedSession, StepContext } from '../../provider.ts';
import { LocalSandboxError } from '../errors.ts';
import { hasMarker } from '../processes.ts';
import type { LocalSandbox } from '../sandbox-paths.ts';
import { AgentLog } from './agent-log.ts';
import { SessionRecord } from './session-record.ts';

/** The agent server that is in use in the sandbox. */
export interface ServerInUse {
  readonly server: AgentServer;
  readonly number: number;
}

/** How long the server may take to read what a sender wrote before it died, after it has answered a later request. */
const inFlightMs = 250;
/** How long a sender that is alive may take from its claim to the server's log. Below the timeout of the step. */
const standstillMs = 60_000;
/** How long a server whose process is alive may take to answer. */
const healthTimeoutMs = 15_000;

/**
 * Opens the session of `request.key`. Its follower sends the prompts. Each request reaches the agent once, also when several
 * calls run at the same time and their processes are killed. For each request, a call does this:
 *
 * 1. Write a claim to disk. One call succeeds; the others wait for the outcome of steps 2 and 3.
 * 2. Send the request to the agent server, which logs it and writes it to the agent.
 * 3. Record the result on disk: the session's id.
 *
 * What the next call finds when the process was killed:
 *
 * - before 1: nothing. It starts at 1.
 * - between 1 and 2: a claim whose holder is dead, and no line in the server's log. It writes the next claim and continues.
 * - between 2 and 3: a claim, and the request in the server's log. It waits for the agent's answer, which the server repeats
 *   to everybody who listens, and continues at 3.
 * - after 3: the result. It sends nothing.
 *
 * One case remains in which a request is sent twice: a process that is stopped between 1 and 2 for longer than
 * `standstillMs`, and continues later.
 */
export async function openSession(
  sandbox: LocalSandbox,
  { server, number }: ServerInUse,
  request: CreateSessionRequest,
  context: StepContext,
  agentTimeoutMs: number,
): Promise<Required<OpenedSession>> {
  const record = await SessionRecord.open(sandbox, request.key, number);
  const conversationName = `${request.key}.${record.launch}`;
  const log = new AgentLog(sandbox.agentLog);
  const { signal } = context;
  try {
    const earlier = await record.read<OpenedRecord>(opened);
    if (earlier) {
      if (await isAgentAlive(sandbox, conversationName, log)) return toOpened(earlier, conversationName);
      // Its process has ended, and the agent server starts no other one under this name.
      await record.write('failed', {});
      return await openSession(sandbox, { server, number }, request, context, agentTimeoutMs);
    }
    const conversation = new Conversation(server, conversationName, serverAgentId(request.agent));
    try {
      const opening = new SessionOpening(server, conversation, record, log, signal, agentTimeoutMs);
      context.log(`Starting the agent ${request.agent}`);
      await opening.initialize();
      return toOpened(await opening.openSession(sandbox.checkout), conversationName);
    } finally {
      conversation.stopListening();
    }
  } catch (error) {
    if (!signal.aborted && (error instanceof AgentProcessError || error instanceof AgentRefusedError)) {
      // What the agent wrote to stderr may not be in the log yet.
      await delay(100, undefined, { signal });
      const reason = await log.recentErrors();
      await record.write('failed', {});
      await endAgent(sandbox, server, conversationName, log);
      const code = error instanceof AgentProcessError ? 'AGENT_FAILED' : 'SESSION_FAILED';
      throw new LocalSandboxError(code, `${error.message}${reason}`, { cause: error });
    }
    throw error;
  } finally {
    record.close();
  }
}

/** The record of an open session. */
const opened = 'session';

interface OpenedRecord {
  readonly sessionId: string;
  readonly replayedBefore?: string;
}

function toOpened({ sessionId, ...replay }: OpenedRecord, server: string): Required<OpenedSession> {
  return { sessionId, acp: { server, ...replay } };
}

/** Whether the process of a conversation's agent runs, as far as is known. */
async function isAgentAlive(sandbox: LocalSandbox, conversation: string, log: AgentLog): Promise<boolean> {
  const pid = await log.agentPid(conversation);
  if (pid === undefined) return true;
  return isPidInUse(pid) === true && (await hasMarker(pid, sandbox.marker)) !== false;
}

/** Ends the agent's process of a session. */
export async function endSession(
  sandbox: LocalSandbox,
  { server, number }: ServerInUse,
  key: string,
): Promise<void> {
  const record = await SessionRecord.open(sandbox, key, number);
  try {
    const log = new AgentLog(sandbox.agentLog);
    await endAgent(sandbox, server, `${key}.${record.launch}`, log);
  } finally {
    record.close();
  }
}

const initialized = z.looseObject({
  agentCapabilities: z
    .looseObject({
      loadSession: z.boolean().nullish(),
      sessionCapabilities: z.looseObject({ resume: z.unknown() }).nullish(),
    })
    .nullish(),
  authMethods: z.array(z.looseObject({ id: z.string() })).nullish(),
});
const sessionOpened = z.looseObject({ sessionId: z.string().min(1) });

/** The requests that open a session, in their order. */
class SessionOpening {
  readonly #server: AgentServer;
  readonly #conversation: Conversation;
  readonly #record: SessionRecord;
  readonly #log: AgentLog;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  /** How the agent opens an earlier session again; undefined: it cannot. */
  #reopening: 'resume' | 'load' | undefined;

  constructor(
    server: AgentServer,
    conversation: Conversation,
    record: SessionRecord,
    log: AgentLog,
    signal: AbortSignal,
    timeoutMs: number,
  ) {
    this.#server = server;
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
      clientInfo: { name: packageJson.name, version: packageJson.version },
    });
    const known = initialized.safeParse(answer).data;
    const capabilities = known?.agentCapabilities;
    // `resume` repeats nothing of what was said.
    if (capabilities?.sessionCapabilities?.resume != null) this.#reopening = 'resume';
    else if (capabilities?.loadSession === true) this.#reopening = 'load';
    const methods = known?.authMethods ?? [];
    // Methods that need no person. Without the key in its environment the agent refuses a later request, with a reason.
    const method = methods.find(({ id }) => /^(anthropic|openai|codex)-api-key$/.test(id));
    if (method) await this.#ask('authenticate', 'authenticate', { methodId: method.id }).catch(() => {});
  }

  /** Opens the session again that an earlier process of the agent had, where the agent can do that; or else a new one. */
  async openSession(cwd: string): Promise<OpenedRecord> {
    const previous = await this.#record.previous<OpenedRecord>(opened);
    const reopening = this.#reopening;
    if (previous && reopening) {
      try {
        const { sessionId } = previous;
        await this.#ask(reopening, `session/${reopening}`, { sessionId, cwd, mcpServers: [] });
        const reopened = { sessionId, replayedBefore: reopening };
        await this.#record.write(opened, reopened);
        return reopened;
      } catch (error) {
        // It remembers nothing of it: a new session is opened.
        if (!(error instanceof AgentRefusedError)) throw error;
      }
    }
    const answer = sessionOpened.safeParse(
      await this.#ask('session', 'session/new', { cwd, mcpServers: [] }),
    );
    if (!answer.success) throw new AgentRefusedError('The agent opened a session without an id.');
    const { sessionId } = answer.data;
    await this.#record.write(opened, { sessionId });
    return { sessionId };
  }

  #ask(id: string, method: string, params: object): Promise<unknown> {
    return this.#once(
      id,
      () => this.#conversation.hasResponse(id),
      () => this.#conversation.request(id, method, params, this.#timeoutMs, this.#signal),
      () => this.#conversation.response(id, this.#timeoutMs, this.#signal),
    );
  }

  /** Sends a request unless a call has sent it; then `onSent` waits for its outcome. */
  async #once<T>(
    id: string,
    isAnswered: () => boolean,
    send: () => Promise<T>,
    onSent: () => Promise<T>,
  ): Promise<T> {
    for (let claim = 1; ; claim += 1) {
      if (await this.#record.claim(id, claim)) {
        try {
          this.#signal.throwIfAborted();
          return await send();
        } catch (error) {
          await this.#record.giveUp(id, claim).catch(() => {});
          throw error;
        }
      }
      if (await this.#isSent(id, claim, isAnswered)) return await onSent();
    }
  }

  /** Waits for the request of another call's claim. False once it is certain that the call does not send it any more. */
  async #isSent(id: string, claim: number, isAnswered: () => boolean): Promise<boolean> {
    const deadline = performance.now() + standstillMs;
    for (;;) {
      const mayStillSend = performance.now() < deadline && (await this.#record.isClaimHolderAlive(id, claim));
      if (!mayStillSend) await this.#waitForRequestsInFlight();
      if (isAnswered() || (await this.#log.hasForwarded(this.#conversation.name, id))) return true;
      if (!mayStillSend) return false;
      await delay(25, undefined, { signal: this.#signal });
    }
  }

  /**
   * Returns when the server has read what a dead sender wrote, and has noticed that its connection is closed. It reads in the
   * order of arrival, so its answers to later requests show that, however slow the machine is.
   */
  async #waitForRequestsInFlight(): Promise<void> {
    await this.#server.isHealthy(this.#signal, healthTimeoutMs);
    await delay(inFlightMs, undefined, { signal: this.#signal });
    await this.#server.isHealthy(this.#signal, healthTimeoutMs);
  }
}

/** Ends the process of an agent that failed. Closing the conversation is not enough: the server waits for the process. */
async function endAgent(
  sandbox: LocalSandbox,
  server: AgentServer,
  conversation: string,
  log: AgentLog,
): Promise<void> {
  const pid = await log.agentPid(conversation);
  if (pid !== undefined && (await hasMarker(pid, sandbox.marker)) === true) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  await server.close(conversation, AbortSignal.timeout(2_000)).catch(() => {});
}
