import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readMessage } from '../../agents/acp-message.ts';
import { AgentServer, AgentServerError, AgentServerGoneError } from '../../agents/agent-server.ts';
import { AgentStream, AgentStreamLostError, type StreamEvent } from '../../agents/agent-stream.ts';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import { redact } from '../../redact.ts';
import type { Database } from '../../tables/database.ts';
import type { TaskErrorCode } from '../../tasks/domain/error-codes.ts';
import { newId } from '../../tasks/domain/id.ts';
import type { TaskFailure } from '../../tasks/domain/task.ts';
import { type Connection, FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import type { Said } from '../../tasks/domain/transcript/said.ts';
import { SecretMask } from '../../tasks/domain/transcript/secret-mask.ts';
import { Segment } from '../../tasks/domain/transcript/segment.ts';
import { type ConversationFact, PromptChangedError } from '../../tasks/store/conversation-changes.ts';
import {
  type FollowedConversation,
  failOpening,
  readOpening,
  readSegment,
} from '../../tasks/store/conversations.ts';
import {
  type PendingAnswer,
  type PendingPrompt,
  readPendingWork,
  recordDelivered,
} from '../../tasks/store/pending-work.ts';
import { toTaskFailure } from '../provisioning/failure.ts';
import type { TranscriptWriter } from './transcript-writer.ts';

export interface FollowerOptions {
  readonly db: Database;
  readonly logger: Logger;
  readonly writer: TranscriptWriter;
  readonly conversation: FollowedConversation;
  /** Are masked in all that the agent says. */
  readonly secrets: readonly string[];
  /** Whether the agent's process can be ended. */
  canEndAgent(): Promise<boolean>;
  /** Starts the agent again, after ending its process where that is asked for. */
  restartAgent(endsProcess: boolean, signal: AbortSignal): Promise<Connection>;
  /** Aborts when the session has another follower, or the worker stops. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two writes of text, and the text after which none is waited for. */
const flushMs = 100;
const flushLength = 64 * 1024;
/** Milliseconds after which an agent that says nothing counts as having got what was written to it. */
const acceptMs = 500;
/** Milliseconds for which a prompt that an earlier follower was sending may show that it has arrived. */
const unknownAfterMs = 2_000;
/** Milliseconds for the stream to deliver a response that has come on the request. */
const streamLagMs = 1_000;
/** Milliseconds for an agent to stop when it is interrupted. */
const stopMs = 10_000;
/** Milliseconds for the last words of an agent that has ended. */
const lastWordsMs = 300;
const openingLookMs = 100;
const notSentPauseMs = 100;
/** Milliseconds to find an agent server again that is away, before the turn counts as ended. */
const settleMs = 30_000;

/** The prompt that the agent is being given, or works on. */
interface Turn {
  readonly id: string;
  readonly text: string;
  state: 'sending' | 'accepted';
}

/**
 * Follows one session under a lease: stores what its agent says, gives it prompts and answers. One loop does one thing after
 * the other, so that the order in the transcript is that of the stream.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #server: AgentServer;
  readonly #logger: Logger;
  readonly #facts: ConversationFact[] = [];
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  /** Prompts that nobody knows whether the agent has got them. */
  readonly #unknown = new Map<string, PendingPrompt>();
  readonly #mask: SecretMask;
  #segment: Segment;
  #sequence: number;
  /** The number of the last message that was read, and of the last one that is stored. */
  #read: number;
  #stored: number;
  #turn: Turn | null = null;
  /** The turn that is being stopped. */
  #interrupted: Turn | null = null;
  /** The agent has ended, or is to be ended. */
  #end: 'agentEnded' | 'mustBeEnded' | null = null;
  /** Whether the agent still repeats an earlier conversation. */
  #isReplayed: boolean;
  /** Whether there may be prompts, answers or an interruption to look at. */
  #mustLook = true;
  #wake: (() => void) | undefined;
  #lastFlushAt = 0;
  /** What to do at certain times, by name. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #due: (() => void)[] = [];

  constructor(options: FollowerOptions) {
    const { connection, lease, sequence, streamPosition } = options.conversation;
    this.#options = options;
    this.#server = new AgentServer(connection);
    this.#logger = options.logger.child({ taskId: options.conversation.taskId, sessionId: lease.sessionId });
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    this.#segment = new Segment({ position: 0, turnPosition: 1, promptId: null, items: [] });
    this.#mask = new SecretMask(options.secrets);
    this.#sequence = sequence;
    this.#read = streamPosition;
    this.#stored = streamPosition;
    this.#isReplayed = connection.replayedBefore !== undefined && streamPosition === 0;
  }

  /** There may be something to do. */
  hint(): void {
    this.#mustLook = true;
    this.#notify();
  }

  /**
   * Resolves when the agent was started again, and is to be followed anew. Rejects with FollowLostError, or with the reason of
   * the signal; what was read before that is stored, or read again by the next follower.
   */
  async run(): Promise<void> {
    await this.#listen();
    await this.#recover();
  }

  /** Resolves when the agent or its server has ended, or when the agent is to be ended. */
  async #listen(): Promise<void> {
    const { db, conversation } = this.#options;
    const { lease, connection, streamPosition } = conversation;
    const onAbort = () => this.#notify();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      const start = await retryWhileUnavailable(() => readSegment(db, lease.sessionId), this.#signal);
      this.#segment = new Segment(start);
      await this.#takeOver();
      const stream = new AgentStream({
        server: this.#server,
        conversation: connection.server,
        after: streamPosition,
        signal: this.#signal,
        onEvent: () => this.#notify(),
      });
      for (;;) {
        this.#signal.throwIfAborted();
        for (const event of stream.take()) await this.#receive(event);
        for (const work of this.#due.splice(0)) work();
        await this.#flushIfDue();
        if (this.#end) break;
        if (this.#mustLook) await this.#look(stream);
        await this.#sleep(stream);
      }
    } catch (error) {
      if (!(error instanceof AgentStreamLostError)) throw error;
      this.#logger.info({ err: error.cause }, 'the agent server is gone');
    } finally {
      this.#stopping.abort(new Error('The follower has ended.'));
      this.#signal.removeEventListener('abort', onAbort);
      for (const timer of this.#timers.values()) clearTimeout(timer);
    }
  }

  /** Ends what the agent was doing, and starts it again. */
  async #recover(): Promise<void> {
    const { db, conversation, restartAgent, signal } = this.#options;
    const { sessionId } = conversation.lease;
    const isSame = (other: Connection) => isDeepStrictEqual(other, conversation.connection);
    let restarting: Promise<Connection> | undefined;
    const { status } = await retryWhileUnavailable(() => readOpening(db, sessionId), signal);
    if (this.#end === null && status === 'ready') {
      // Perhaps only the way to the agent server was cut: then the agent works on.
      restarting = restartAgent(false, signal);
      const found = await Promise.race([restarting.catch(() => null), delay(settleMs, null, { signal })]);
      if (found && isSame(found)) return;
    }
    for (const each of this.#mask.release()) this.#hear(each);
    const turn = this.#turn;
    if (turn?.state === 'accepted') {
      const failure =
        this.#interrupted === turn ? null : agentGone('The agent ended while it worked on the prompt.');
      this.#segment.endTurn(failure ? 'FAILED' : 'CANCELED', failure);
      this.#finishTurn(turn, failure, failure ? 'expired' : 'canceled');
    } else if (turn) this.#giveUpSending(turn);
    await this.#flush(signal);
    if (!(await this.#isOpened())) return;
    const settled = { isWorking: false, requests: null };
    try {
      const connection = await (restarting ?? restartAgent(this.#end === 'mustBeEnded', signal));
      // An id alone says nothing: some agents give each session the same one.
      if (!isSame(connection) && connection.replayedBefore === undefined) {
        this.#segment.addNotice(
          'AGENT_RESTARTED',
          'The agent was started again. It remembers nothing of the conversation.',
        );
      }
      if (!isSame(connection)) this.#read = 0;
      this.#facts.push({
        ...this.#fact('agent.restarted', settled),
        settleRequests: 'expired',
        ...(isSame(connection) ? {} : { connection }),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FollowLostError) throw error;
      const failure = { ...toTaskFailure(error, 'ensure_agent'), step: null };
      this.#facts.push({
        event: { type: 'sessionLost', sessionId, error: failure },
        settleRequests: 'expired',
        closes: true,
      });
    }
    await this.#flush(signal);
  }

  /** Waits until the session is ready. False when it is being opened, and the step that does so begins anew. */
  async #isOpened(): Promise<boolean> {
    const { db, conversation, signal } = this.#options;
    const { lease } = conversation;
    for (;;) {
      const { promptState, status } = await retryWhileUnavailable(
        () => readOpening(db, lease.sessionId),
        signal,
      );
      if (status === 'ready') return true;
      if (status !== 'pending_provision' && status !== 'pending_session_create') {
        throw new FollowLostError(`${lease.sessionId} was closed.`);
      }
      if (promptState === 'queued') {
        const failure = agentGone('The agent ended before it got its first prompt.');
        await retryWhileUnavailable(() => failOpening(db, lease, failure), signal);
        return false;
      }
      await delay(openingLookMs, undefined, { signal });
    }
  }

  /** Continues with what an earlier follower has begun. */
  async #takeOver(): Promise<void> {
    const pending = await this.#readPending();
    for (const prompt of pending.prompts) {
      if (prompt.state === 'unknown') this.#unknown.set(prompt.id, prompt);
      if (prompt.state !== 'sending' && prompt.state !== 'accepted') continue;
      this.#turn = { id: prompt.id, text: prompt.text, state: prompt.state };
      if (prompt.state === 'sending') this.#at('unknown', unknownAfterMs, () => this.#giveUpSending(prompt));
    }
  }

  async #readPending() {
    const { db, conversation } = this.#options;
    const { lease, launch } = conversation;
    const pending = await retryWhileUnavailable(() => readPendingWork(db, lease, launch), this.#signal);
    if (!pending) throw new FollowLostError(`${lease.sessionId} has another follower.`);
    return pending;
  }

  /** Looks for what people have asked for meanwhile. */
  async #look(stream: AgentStream): Promise<void> {
    this.#mustLook = false;
    const { prompts, answers, interruptedAt } = await this.#readPending();
    if (answers.length > 0) await this.#deliver(answers);
    if (interruptedAt !== null && this.#turn?.state === 'accepted')
      this.#interrupt(this.#turn, interruptedAt);
    const next = prompts.find(({ state }) => state === 'queued');
    if (!next || this.#turn) return;
    if (stream.isConnected) await this.#send(next);
    // To a server that is away nothing is sent: nobody could tell whether it arrived.
    else this.#lookLater();
  }

  async #send(prompt: PendingPrompt): Promise<void> {
    const { agentSessionId } = this.#options.conversation.connection;
    // Stored before it is sent: whatever dies from here on, it is never sent again.
    this.#facts.push(
      this.#fact('prompt.sending', { isWorking: true }, { id: prompt.id, from: ['queued'], to: 'sending' }),
    );
    try {
      await this.#flush();
    } catch (error) {
      if (!(error instanceof PromptChangedError)) throw error;
      // Taken back at this moment.
      this.#mustLook = true;
      return;
    }
    const turn: Turn = { id: prompt.id, text: prompt.text, state: 'sending' };
    this.#turn = turn;
    const params = { sessionId: agentSessionId, prompt: [{ type: 'text', text: prompt.text }] };
    const message = { jsonrpc: '2.0', id: prompt.id, method: 'session/prompt', params };
    let isWritten = false;
    const onWritten = () => {
      isWritten = true;
      this.#at('accept', acceptMs, () => this.#accept(turn));
    };
    this.#post(message, onWritten).then(
      (answer) => this.#at('response', streamLagMs, () => this.#endByRequest(turn, answer)),
      (error: unknown) => this.#soon(() => this.#onRefusedPost(turn, error, isWritten)),
    );
  }

  /** Asks the agent to stop; one that does not is ended. */
  #interrupt(turn: Turn, interruptedAt: string): void {
    if (this.#interrupted === turn) return;
    this.#interrupted = turn;
    const { db, conversation, canEndAgent } = this.#options;
    const { agentSessionId } = conversation.connection;
    this.#post({ jsonrpc: '2.0', method: 'session/cancel', params: { sessionId: agentSessionId } });
    const passedMs = Date.parse(db.clock.now()) - Date.parse(interruptedAt);
    this.#at('stop', Math.max(0, stopMs - passedMs), () => {
      canEndAgent().then(
        (can) => {
          if (!can || this.#turn !== turn) return;
          this.#logger.info('the agent does not stop; it is ended');
          this.#end = 'mustBeEnded';
          this.#notify();
        },
        (error: unknown) => this.#logger.warn({ err: error }, 'the agent could not be ended'),
      );
    });
  }

  #post(message: object, onWritten?: () => void): Promise<string> {
    const { server } = this.#options.conversation.connection;
    const posted = this.#server.post(server, message, this.#stopping.signal, onWritten);
    posted.catch(() => {}); // it may reject when nobody waits for it any more
    return posted;
  }

  async #deliver(answers: readonly PendingAnswer[]): Promise<void> {
    for (const { id, rpcId, answer } of answers) {
      const outcome = answer === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: answer };
      try {
        await this.#server.post(
          this.#options.conversation.connection.server,
          { jsonrpc: '2.0', id: rpcId, result: { outcome } },
          AbortSignal.any([this.#signal, AbortSignal.timeout(10_000)]),
        );
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#logger.debug({ err: error }, 'an answer could not be delivered yet');
        this.#at('look', 500, () => {
          this.#mustLook = true;
        });
        return;
      }
      await retryWhileUnavailable(() => recordDelivered(this.#options.db, [id]), this.#signal);
    }
  }

  async #receive(event: StreamEvent): Promise<void> {
    if ('from' in event) {
      const count = event.to - event.from + 1;
      this.#read = event.to;
      this.#segment.addNotice(
        'MESSAGES_LOST',
        `${count} ${count === 1 ? 'message' : 'messages'} of the agent could not be read.`,
      );
      return;
    }
    const { agentSessionId } = this.#options.conversation.connection;
    const said = readMessage(this.#mask.maskJson(event.json), agentSessionId);
    if (this.#isReplayed && said.type !== 'agentExited') {
      // Not counted as read: another follower that goes on from here must leave it out too.
      if (said.type !== 'response' || said.id !== this.#options.conversation.connection.replayedBefore)
        return;
      this.#isReplayed = false;
    }
    const passed = this.#mask.pass(said);
    for (const each of passed) this.#hear(each);
    // What is held back is read again by the next follower.
    if (!this.#mask.isHolding) this.#read = event.number;
    if (this.#facts.length > 0 || this.#segment.dirtyLength > flushLength) await this.#flush();
  }

  #hear(said: Said): void {
    switch (said.type) {
      case 'response':
        this.#onResponse(said);
        return;
      case 'permission':
        this.#showWork();
        this.#onPermission(said);
        return;
      case 'call':
        this.#post({
          jsonrpc: '2.0',
          id: said.rpcId,
          error: { code: -32601, message: `${said.method} is not known.` },
        });
        return;
      case 'chunk':
      case 'toolCall':
      case 'plan':
      case 'echo':
        this.#showWork();
        this.#segment.say(said);
        return;
      case 'unreadable':
        this.#segment.say(said);
        return;
      case 'agentExited':
        // It may come before the last words.
        this.#at('end', lastWordsMs, () => {
          this.#end = 'agentEnded';
        });
        return;
      case 'other':
        return;
    }
  }

  /** The agent works, so it has got what it was given last. */
  #showWork(): void {
    if (this.#turn) {
      this.#accept(this.#turn);
      return;
    }
    const [prompt, ...others] = this.#unknown.values();
    if (!prompt || others.length > 0) return;
    this.#unknown.delete(prompt.id);
    this.#turn = { id: prompt.id, text: prompt.text, state: 'sending' };
    this.#accept(this.#turn);
  }

  #accept(turn: Turn): void {
    if (this.#turn !== turn || turn.state === 'accepted') return;
    turn.state = 'accepted';
    // It may have been interrupted before.
    this.#mustLook = true;
    this.#segment.beginTurn(turn.id, turn.text);
    this.#facts.push(
      this.#fact(
        'prompt.accepted',
        { isWorking: true },
        { id: turn.id, from: ['sending', 'unknown'], to: 'accepted' },
      ),
    );
  }

  #onResponse({ id, stopReason, error }: Extract<Said, { type: 'response' }>): void {
    if (this.#turn?.id === id) {
      this.#accept(this.#turn);
      this.#endTurn(stopReason, error);
      return;
    }
    const prompt = this.#unknown.get(String(id));
    if (!prompt) return;
    this.#unknown.delete(prompt.id);
    if (this.#turn) {
      // The agent works on a later one by now, whose turn this is not the end of.
      this.#facts.push(this.#fact('turn.ended', {}, { id: prompt.id, from: ['unknown'], to: 'done' }));
      return;
    }
    this.#turn = { id: prompt.id, text: prompt.text, state: 'sending' };
    this.#accept(this.#turn);
    this.#endTurn(stopReason, error);
  }

  #endTurn(stopReason: string | null, error: { readonly message: string } | null): void {
    const turn = this.#turn;
    if (!turn) return;
    const failure = error ? promptFailed(error.message) : null;
    this.#segment.endTurn(failure ? 'FAILED' : nameOf(stopReason ?? 'end_turn'), failure);
    this.#finishTurn(turn, failure, 'canceled');
  }

  #finishTurn(turn: Turn, failure: TaskFailure | null, requests: 'canceled' | 'expired'): void {
    for (const name of ['accept', 'response', 'unknown', 'stop']) this.#clear(name);
    const change = { id: turn.id, from: ['accepted' as const], ...(failure ? { error: failure } : {}) };
    this.#facts.push({
      ...this.#fact(
        'turn.ended',
        { isWorking: false, requests: null, ...(failure ? { error: failure } : {}) },
        { ...change, to: failure ? 'failed' : 'done' },
      ),
      settleRequests: requests,
      endsInterruption: true,
    });
    this.#turn = null;
    this.#mustLook = true;
  }

  #onPermission({ rpcId, call, options }: Extract<Said, { type: 'permission' }>): void {
    const position = this.#segment.changeToolCall(call);
    if (this.#turn && this.#interrupted === this.#turn) {
      this.#post({ jsonrpc: '2.0', id: rpcId, result: { outcome: { outcome: 'cancelled' } } });
      return;
    }
    this.#facts.push({
      ...this.#fact('request.opened', { requests: 1 }),
      newRequest: {
        id: newId('request', this.#options.db.clock.now()),
        launch: this.#options.conversation.launch,
        rpcId,
        title: call.title ?? this.#segment.titleOf(call.toolCallId),
        toolCallPosition: position,
        options,
      },
    });
  }

  /** The response has come on the request, and the stream has not delivered it. */
  #endByRequest(turn: Turn, answer: string): void {
    if (this.#turn !== turn) return;
    const said = readMessage(answer, this.#options.conversation.connection.agentSessionId);
    if (said.type === 'response' && said.id === turn.id) this.#onResponse(said);
  }

  #onRefusedPost(turn: Turn, error: unknown, isWritten: boolean): void {
    if (this.#turn !== turn || turn.state === 'accepted') return;
    if (!isWritten || isRefusedConnection(error)) {
      // The connection was refused, so the agent cannot have got it: it waits until there is a server again.
      this.#facts.push({
        ...this.#fact(
          'prompt.queued',
          { isWorking: false },
          { id: turn.id, from: ['sending'], to: 'queued' },
        ),
        endsInterruption: true,
      });
      this.#turn = null;
      this.#lookLater();
      return;
    }
    const wasRefused = error instanceof AgentServerError && error.status >= 400 && error.status < 500;
    if (wasRefused) {
      this.#accept(turn);
      this.#endTurn(null, { message: error.message });
      return;
    }
    if (!(error instanceof AgentServerError || error instanceof AgentServerGoneError)) return;
    this.#clear('accept');
    this.#at('unknown', unknownAfterMs, () => this.#giveUpSending(turn));
  }

  #lookLater(): void {
    this.#at('look', notSentPauseMs, () => {
      this.#mustLook = true;
    });
  }

  /** Nothing shows whether the agent has got the prompt. The queue goes on. */
  #giveUpSending(prompt: { readonly id: string; readonly text: string }): void {
    if (this.#turn?.id !== prompt.id || this.#turn.state !== 'sending') return;
    this.#facts.push({
      ...this.#fact(
        'prompt.unknown',
        { isWorking: false },
        { id: prompt.id, from: ['sending'], to: 'unknown' },
      ),
      endsInterruption: true,
    });
    this.#unknown.set(prompt.id, { id: prompt.id, text: prompt.text, state: 'unknown' });
    this.#turn = null;
    this.#mustLook = true;
  }

  #fact(
    kind: Extract<ConversationFact['event'], { type: 'conversationChanged' }>['kind'],
    change: { isWorking?: boolean; requests?: number | null; error?: TaskFailure },
    prompt?: ConversationFact['prompt'],
  ): ConversationFact {
    const { sessionId } = this.#options.conversation.lease;
    return {
      event: { type: 'conversationChanged', sessionId, kind, ...change },
      ...(prompt ? { prompt } : {}),
    };
  }

  async #flushIfDue(): Promise<void> {
    if (this.#facts.length > 0) return this.#flush();
    if (!this.#segment.isDirty && this.#read === this.#stored) return;
    const dueInMs = this.#lastFlushAt + flushMs - performance.now();
    if (dueInMs <= 0) await this.#flush();
    else if (!this.#timers.has('flush')) this.#at('flush', dueInMs, () => {});
  }

  async #flush(signal = this.#signal): Promise<void> {
    this.#lastFlushAt = performance.now();
    const { writer, conversation } = this.#options;
    const facts = this.#facts.splice(0);
    const changes = this.#segment.take();
    if (facts.length === 0 && changes.length === 0 && this.#read === this.#stored) return;
    const write = {
      lease: conversation.lease,
      sequence: this.#sequence,
      changes,
      position: this.#segment.position,
      turnPosition: this.#segment.turnPosition,
      turnPromptId: this.#segment.promptId,
      streamPosition: this.#read,
    };
    if (facts.length > 0) await writer.change(conversation.taskId, facts, write, signal);
    else await writer.write(write, signal);
    this.#sequence += changes.length;
    this.#stored = write.streamPosition;
  }

  /** Runs `work` in the loop after that many milliseconds, unless another one of that name takes its place. */
  #at(name: string, ms: number, work: () => void): void {
    this.#clear(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      this.#soon(work);
    }, ms);
    this.#timers.set(name, timer);
  }

  #clear(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #soon(work: () => void): void {
    this.#due.push(work);
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Returns when there may be something to do. */
  async #sleep(stream: AgentStream): Promise<void> {
    if (stream.hasEvents || this.#due.length > 0 || this.#mustLook || this.#facts.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#signal.aborted) resolve();
    });
  }
}

/** The stop reasons of the protocol, as the API names them. */
function nameOf(stopReason: string): string {
  return stopReason === 'cancelled' ? 'CANCELED' : stopReason.toUpperCase();
}

function isRefusedConnection(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } };
  return cause?.code === 'ECONNREFUSED';
}

function agentGone(message: string): TaskFailure {
  return { code: 'AGENT_GONE' satisfies TaskErrorCode, message, step: null, retryable: true };
}

function promptFailed(message: string): TaskFailure {
  const line = redact(message.trim().split('\n', 1)[0] ?? '').slice(0, 500);
  return {
    code: 'PROMPT_FAILED' satisfies TaskErrorCode,
    message: line === '' ? 'The agent answered with an error.' : line,
    step: null,
    retryable: false,
  };
}
