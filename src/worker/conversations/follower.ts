import { readMessage } from '../../agents/acp-message.ts';
import { AgentServer, AgentServerError } from '../../agents/agent-server.ts';
import { AgentStream, AgentStreamLostError, type StreamEvent } from '../../agents/agent-stream.ts';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Database } from '../../tables/database.ts';
import { newId } from '../../tasks/domain/id.ts';
import { type AgentEnd, type Connection, FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import type { Said } from '../../tasks/domain/transcript/said.ts';
import { SecretMask } from '../../tasks/domain/transcript/secret-mask.ts';
import { type FollowedConversation, recordAgentEnd } from '../../tasks/store/conversations.ts';
import { type PendingAnswer, readPendingWork, recordDelivered } from '../../tasks/store/pending-work.ts';
import { Agenda } from './agenda.ts';
import { type AgentLoss, recoverAgent } from './agent-recovery.ts';
import { Delivery } from './delivery.ts';
import { TranscriptDraft } from './transcript-draft.ts';
import type { TranscriptWriter } from './transcript-writer.ts';
import { Turns } from './turns.ts';

export interface FollowerOptions {
  readonly db: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
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

/** Milliseconds for the last words of an agent that has ended. */
const lastWordsMs = 300;
/** Milliseconds to deliver one answer, and until one that could not be delivered is tried again. */
const deliverMs = 10_000;
const deliverPauseMs = 500;
const notSentPauseMs = 100;

/**
 * Follows one session under a lease: stores what its agent says, gives it prompts and answers. One loop does one thing after
 * the other, so that the order in the transcript is that of the stream.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #server: AgentServer;
  readonly #logger: Logger;
  readonly #agenda = new Agenda();
  readonly #delivery = new Delivery(this.#agenda);
  readonly #draft: TranscriptDraft;
  readonly #turns: Turns;
  readonly #mask: SecretMask;
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  /** How the agent has ended, or that it is to be ended. */
  #end: AgentEnd | null;
  #isOver = false;
  /** Whether the agent still repeats an earlier conversation. */
  #isReplayed: boolean;
  /** Whether there may be prompts, answers or an interruption to look at. */
  #mustLook = true;

  constructor(options: FollowerOptions) {
    const { db, conversation } = options;
    const { connection, lease, streamPosition, agentEnd } = conversation;
    this.#options = options;
    this.#server = new AgentServer(connection);
    this.#logger = options.logger.child({ taskId: conversation.taskId, sessionId: lease.sessionId });
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    this.#mask = new SecretMask(options.secrets);
    this.#draft = new TranscriptDraft(options);
    this.#turns = new Turns({
      db,
      conversation,
      server: this.#server,
      draft: this.#draft,
      agenda: this.#agenda,
      signal: this.#signal,
      post: (message, onWritten) => this.#post(message, onWritten),
      delivery: this.#delivery,
      onFree: () => this.hint(),
      onDeaf: () => this.#endDeafAgent(),
    });
    this.#end = agentEnd;
    this.#isReplayed = connection.replayedBefore !== undefined && streamPosition === 0;
  }

  /** There may be something to do. */
  hint(): void {
    this.#mustLook = true;
    this.#agenda.wake();
  }

  /**
   * Resolves when the agent was started again, and is to be followed anew. Rejects with FollowLostError, or with the reason of
   * the signal; what was read before that is stored, or read again by the next follower.
   */
  async run(): Promise<void> {
    const loss = await this.#listen();
    for (const each of this.#mask.release()) this.#hear(each);
    await recoverAgent({ ...this.#options, draft: this.#draft, turns: this.#turns, loss });
  }

  /** Resolves when the agent or its server has ended, or when the agent is to be ended. */
  async #listen(): Promise<AgentLoss> {
    const { conversation } = this.#options;
    const onAbort = () => this.#agenda.wake();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#draft.load(this.#signal);
      this.#turns.takeOver((await this.#readPending()).prompts);
      if (this.#end === 'deaf') return 'deaf';
      if (this.#end !== null) this.#waitForLastWords();
      const stream = new AgentStream({
        server: this.#server,
        conversation: conversation.connection.server,
        after: conversation.streamPosition,
        signal: this.#signal,
        onEvent: () => this.#agenda.wake(),
      });
      this.#delivery.stream = stream;
      for (;;) {
        this.#signal.throwIfAborted();
        for (const event of stream.take()) await this.#receive(event);
        this.#agenda.run();
        await this.#flushIfDue();
        if (this.#isOver && this.#end !== null) return this.#end;
        if (this.#mustLook) await this.#look(stream.isConnected);
        const isAwake = () =>
          stream.hasEvents || this.#mustLook || this.#draft.isUrgent || this.#signal.aborted;
        await this.#agenda.sleep(isAwake);
      }
    } catch (error) {
      if (!(error instanceof AgentStreamLostError)) throw error;
      this.#logger.info({ err: error.cause }, 'the agent server is gone');
      return this.#end ?? (error.isForgotten ? 'forgotten' : 'unreachable');
    } finally {
      this.#stopping.abort(new Error('The follower has ended.'));
      this.#signal.removeEventListener('abort', onAbort);
      this.#agenda.clearAll();
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
  async #look(isConnected: boolean): Promise<void> {
    this.#mustLook = false;
    const { prompts, answers, interruptedAt } = await this.#readPending();
    if (answers.length > 0) await this.#deliver(answers);
    if (interruptedAt !== null) this.#turns.interrupt(interruptedAt);
    const next = prompts.find(({ state }) => state === 'queued');
    if (!next || !this.#turns.isFree || this.#end) return;
    if (isConnected) await this.#turns.send(next);
    // To a server that is away nothing is sent: nobody could tell whether it arrived.
    else this.#agenda.at('look', notSentPauseMs, () => this.hint());
  }

  /** Resolves with what the agent server answers, and rejects with what it says, without secrets. */
  async #post(message: object, onWritten?: () => void): Promise<string> {
    const { server } = this.#options.conversation.connection;
    try {
      return this.#mask.maskJson(await this.#server.post(server, message, this.#stopping.signal, onWritten));
    } catch (error) {
      if (!(error instanceof AgentServerError)) throw error;
      throw new AgentServerError(this.#mask.maskText(error.message), error.status);
    }
  }

  async #deliver(answers: readonly PendingAnswer[]): Promise<void> {
    for (const { id, rpcId, answer } of answers) {
      const outcome = answer === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: answer };
      try {
        await this.#server.post(
          this.#options.conversation.connection.server,
          { jsonrpc: '2.0', id: rpcId, result: { outcome } },
          AbortSignal.any([this.#signal, AbortSignal.timeout(deliverMs)]),
        );
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#logger.debug({ err: error }, 'an answer could not be delivered yet');
        this.#agenda.at('look', deliverPauseMs, () => this.hint());
        return;
      }
      await retryWhileUnavailable(() => recordDelivered(this.#options.db, [id]), this.#signal);
    }
  }

  async #receive(event: StreamEvent): Promise<void> {
    if ('from' in event) {
      for (const each of this.#mask.release()) this.#hear(each);
      const count = event.to - event.from + 1;
      this.#options.metrics.transcriptHole();
      this.#draft.read = event.to;
      this.#draft.segment.addNotice(
        'MESSAGES_LOST',
        `${count} ${count === 1 ? 'message' : 'messages'} of the agent could not be read.`,
      );
      return;
    }
    const { agentSessionId, replayedBefore } = this.#options.conversation.connection;
    const said = readMessage(this.#mask.maskJson(event.json), agentSessionId);
    if (this.#isReplayed && said.type !== 'agentExited') {
      // Not counted as read: another follower that goes on from here must leave it out too.
      if (said.type !== 'response' || said.id !== replayedBefore) return;
      this.#isReplayed = false;
    }
    // Stored before the message counts as read: another follower that goes on from here must know it.
    if (said.type === 'agentExited') await this.#recordEnd('exited');
    for (const each of this.#mask.pass(said)) this.#hear(each);
    // What is held back is read again by the next follower.
    if (!this.#mask.isHolding) this.#draft.read = event.number;
    if (this.#draft.isUrgent) await this.#draft.flush(this.#signal);
  }

  #hear(said: Said): void {
    switch (said.type) {
      case 'response':
        this.#turns.respond(said);
        return;
      case 'permission':
        this.#turns.showWork();
        this.#onPermission(said);
        return;
      case 'call': {
        const error = { code: -32_601, message: `${said.method} is not known.` };
        this.#post({ jsonrpc: '2.0', id: said.rpcId, error }).catch(() => {});
        return;
      }
      case 'chunk':
      case 'toolCall':
      case 'plan':
      case 'echo':
        this.#turns.showWork();
        this.#draft.segment.say(said);
        return;
      case 'unreadable':
        this.#draft.segment.say(said);
        return;
      case 'agentExited':
        this.#waitForLastWords();
        return;
      case 'other':
        return;
    }
  }

  #onPermission({ rpcId, call, options }: Extract<Said, { type: 'permission' }>): void {
    const { segment } = this.#draft;
    const position = segment.changeToolCall(call);
    if (this.#turns.isInterrupted) {
      const result = { outcome: { outcome: 'cancelled' } };
      this.#post({ jsonrpc: '2.0', id: rpcId, result }).catch(() => {});
      return;
    }
    const { db, conversation } = this.#options;
    this.#draft.tell('request.opened', {
      requests: 1,
      newRequest: {
        id: newId('request', db.clock.now()),
        launch: conversation.launch,
        rpcId,
        title: call.title ?? segment.titleOf(call.toolCallId),
        toolCallPosition: position,
        options,
      },
    });
  }

  async #recordEnd(end: AgentEnd): Promise<void> {
    const { db, conversation } = this.#options;
    await retryWhileUnavailable(() => recordAgentEnd(db, conversation.lease, end), this.#signal);
    this.#end = end;
  }

  /** The news that an agent has ended may come before its last words. */
  #waitForLastWords(): void {
    this.#delivery.whenComplete({
      name: 'lastWords',
      afterMs: lastWordsMs,
      quietMs: lastWordsMs,
      isWanted: () => true,
      work: () => {
        this.#isOver = true;
      },
    });
  }

  #endDeafAgent(): void {
    const end = async () => {
      if (!(await this.#options.canEndAgent())) return;
      this.#logger.info('the agent does not stop; it is ended');
      await this.#recordEnd('deaf');
      this.#isOver = true;
      this.#agenda.wake();
    };
    end().catch((error: unknown) => this.#logger.warn({ err: error }, 'the agent could not be ended'));
  }

  async #flushIfDue(): Promise<void> {
    const { dueInMs } = this.#draft;
    if (dueInMs === undefined) return;
    if (dueInMs <= 0) await this.#draft.flush(this.#signal);
    else if (!this.#agenda.has('flush')) this.#agenda.at('flush', dueInMs, () => {});
  }
}
