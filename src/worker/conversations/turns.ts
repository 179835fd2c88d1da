import { setTimeout as delay } from 'node:timers/promises';
import { readMessage } from '../../agents/acp-message.ts';
import { type AgentServer, AgentServerError, AgentServerGoneError } from '../../agents/agent-server.ts';
import { retryWhileUnavailable } from '../../db/retry.ts';
import { redact } from '../../redact.ts';
import type { Database } from '../../tables/database.ts';
import type { TaskErrorCode } from '../../tasks/domain/error-codes.ts';
import type { TaskFailure } from '../../tasks/domain/task.ts';
import type { Said } from '../../tasks/domain/transcript/said.ts';
import { type PromptChange, PromptChangedError } from '../../tasks/store/conversation-changes.ts';
import type { FollowedConversation } from '../../tasks/store/conversations.ts';
import { type PendingPrompt, recordResponse } from '../../tasks/store/pending-work.ts';
import type { Agenda } from './agenda.ts';
import type { Delivery } from './delivery.ts';
import type { TranscriptDraft } from './transcript-draft.ts';
import { UnknownPrompts } from './unknown-prompts.ts';

export interface TurnsOptions {
  readonly db: Database;
  readonly conversation: FollowedConversation;
  readonly server: AgentServer;
  readonly draft: TranscriptDraft;
  readonly agenda: Agenda;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
  /** Sends a message to the agent, and resolves with what the agent server answers. `onWritten`: all of it was written. */
  post(message: object, onWritten?: () => void): Promise<string>;
  /** The next prompt, or an interruption, may be looked at. */
  onFree(): void;
  /** The agent does not stop when it is asked to. */
  onDeaf(): void;
}

/** Milliseconds after which an agent that says nothing counts as having got what a server that lives has taken. */
const acceptMs = 500;
/** Milliseconds for which a prompt that an earlier follower was sending may show that it has arrived. */
const unknownAfterMs = 2_000;
/**
 * Milliseconds for which the stream must have been quiet to count as delivered as a whole, and until a response is stored that
 * came on the request.
 */
const streamLagMs = 1_000;
const recordResponseMs = 50;
/** Milliseconds for an agent to stop when it is interrupted. */
const stopMs = 10_000;
/**
 * Milliseconds that the write may take which says that a prompt is being sent. After a longer one the process may have stood
 * still meanwhile, and another worker may have given up the prompt. Less than the time after which a worker counts as hung.
 */
const maxStandstillMs = 5_000;
const notSentPauseMs = 100;
const aliveMs = 2_000;

/** The prompt that the agent is being given, or works on. */
interface Turn {
  readonly id: string;
  readonly text: string;
  state: 'sending' | 'accepted';
}

/**
 * The turns of one session: gives its agent one prompt after the other, each once, and finds out from what the agent says
 * which of them it has got and when its work on them ends.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #unknown = new UnknownPrompts();
  #turn: Turn | null = null;
  /** The turn that is being stopped. */
  #interrupted: Turn | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Whether the next prompt may be sent. */
  get isFree(): boolean {
    return this.#turn === null && this.#unknown.waitMs === 0;
  }

  /** Whether the agent was asked to stop what it works on. */
  get isInterrupted(): boolean {
    return this.#turn !== null && this.#interrupted === this.#turn;
  }

  /** Continues with what an earlier follower has begun. */
  takeOver(prompts: readonly PendingPrompt[]): void {
    for (const prompt of prompts) {
      if (prompt.state === 'unknown') this.#unknown.add(prompt);
      if (prompt.state !== 'sending' && prompt.state !== 'accepted') continue;
      const turn = { id: prompt.id, text: prompt.text, state: prompt.state };
      this.#turn = turn;
      const { response } = prompt;
      if (response !== null) this.#endByRequest(turn, response);
      if (prompt.state === 'sending') this.#giveUpLater(turn);
    }
    this.#sendAfterWait();
  }

  async send(prompt: PendingPrompt): Promise<void> {
    const { conversation, draft, signal } = this.#options;
    // What was said before is written apart: it must not be lost when the prompt is taken back at this moment.
    await draft.flush(signal);
    const beganAt = performance.now();
    // Stored before it is sent: whatever dies from here on, it is never sent again.
    draft.tell('prompt.sending', {
      isWorking: true,
      prompt: { id: prompt.id, from: ['queued'], to: 'sending' },
    });
    try {
      await draft.flush(signal);
    } catch (error) {
      if (!(error instanceof PromptChangedError)) throw error;
      this.#options.onFree();
      return;
    }
    const turn: Turn = { id: prompt.id, text: prompt.text, state: 'sending' };
    this.#turn = turn;
    if (performance.now() - beganAt > maxStandstillMs) return this.#putBack(turn);
    const params = {
      sessionId: conversation.connection.agentSessionId,
      prompt: [{ type: 'text', text: prompt.text }],
    };
    this.#post(turn, { jsonrpc: '2.0', id: prompt.id, method: 'session/prompt', params });
  }

  #post(turn: Turn, message: object): void {
    const { agenda, post } = this.#options;
    let isWritten = false;
    const onWritten = () => {
      isWritten = true;
      this.#acceptInSilence(turn).catch(() => {}); // rejects when the follower has ended
    };
    post(message, onWritten).then(
      (answer) => {
        agenda.at('recordResponse', recordResponseMs, () => void this.#recordResponse(turn, answer));
        this.#endByRequest(turn, answer);
      },
      (error: unknown) => agenda.soon(() => this.#onRefusedPost(turn, error, isWritten)),
    );
  }

  /** Asks the agent to stop; one that does not is to be ended. */
  interrupt(interruptedAt: string): void {
    const turn = this.#turn;
    // One that is being sent is interrupted as soon as the agent has it.
    if (turn?.state !== 'accepted' || this.#interrupted === turn) return;
    this.#interrupted = turn;
    const { db, conversation, agenda, post, onDeaf } = this.#options;
    const params = { sessionId: conversation.connection.agentSessionId };
    post({ jsonrpc: '2.0', method: 'session/cancel', params }).catch(() => {});
    const passedMs = Date.parse(db.clock.now()) - Date.parse(interruptedAt);
    agenda.at('stop', Math.max(0, stopMs - passedMs), () => {
      if (this.#turn === turn) onDeaf();
    });
  }

  /** The agent works, so it has got what it was given last. */
  showWork(): void {
    const prompt = this.#unknown.workedOn;
    if (this.#turn) this.#accept(this.#turn);
    else if (prompt) this.#acceptUnknown(prompt);
  }

  /** The agent has answered a request. */
  respond({ id, stopReason, error }: Extract<Said, { type: 'response' }>): void {
    const prompt = this.#unknown.get(String(id));
    if (!prompt && this.#turn?.id !== id) return;
    const failure = error ? promptFailed(error.message) : null;
    const reason = failure ? 'FAILED' : nameOf(stopReason ?? 'end_turn');
    if (prompt && this.#turn) {
      this.#endEarlier(this.#turn, prompt, reason, failure);
      return;
    }
    if (prompt) this.#acceptUnknown(prompt);
    else if (this.#turn) this.#accept(this.#turn);
    this.#unknown.passOver();
    this.#end(reason, failure, 'canceled');
  }

  /** An agent does one thing after the other: what it has said until now was about this prompt, and not about its turn's. */
  #endEarlier(turn: Turn, prompt: PendingPrompt, reason: string, failure: TaskFailure | null): void {
    const { segment } = this.#options.draft;
    this.#unknown.remove(prompt.id);
    if (turn.state === 'sending') {
      segment.beginTurn(prompt.id, prompt.text);
      segment.endTurn(reason, failure);
    } else {
      const line = (prompt.text.trim().split('\n', 1)[0] ?? '').slice(0, 200);
      segment.addNotice(
        'EARLIER_PROMPT_ENDED',
        `The agent had got an earlier message, and has ended its work on it: “${line}” What it said until now answers that one.`,
      );
    }
    const error = failure ? { error: failure } : {};
    const change = { id: prompt.id, from: ['unknown' as const], to: failure ? 'failed' : 'done', ...error };
    this.#options.draft.tell('turn.ended', { prompt: change as PromptChange });
  }

  /** The agent is gone: nothing more comes from it. */
  endByLoss(wasEnded: boolean): void {
    const turn = this.#turn;
    if (!turn) return;
    if (turn.state === 'sending') this.#giveUp(turn);
    else if (wasEnded || this.#interrupted === turn) this.#end('CANCELED', null, 'canceled');
    else this.#end('FAILED', agentGone('The agent ended while it worked on the prompt.'), 'expired');
  }

  /**
   * A server that answers after all of the prompt was written to it reads what it is given. One that hangs, or that is cut off,
   * may never do so: then the prompt stays being sent.
   */
  async #acceptInSilence(turn: Turn): Promise<void> {
    const { server, agenda, signal } = this.#options;
    while (this.#turn === turn && turn.state === 'sending') {
      if (await server.answers(signal, aliveMs)) {
        agenda.at('accept', acceptMs, () => this.#accept(turn));
        return;
      }
      await delay(notSentPauseMs, undefined, { signal });
    }
  }

  #acceptUnknown(prompt: PendingPrompt): void {
    this.#unknown.remove(prompt.id);
    this.#turn = { id: prompt.id, text: prompt.text, state: 'sending' };
    this.#accept(this.#turn);
  }

  #accept(turn: Turn): void {
    if (this.#turn !== turn || turn.state === 'accepted') return;
    turn.state = 'accepted';
    const { draft, onFree } = this.#options;
    draft.segment.beginTurn(turn.id, turn.text);
    draft.tell('prompt.accepted', {
      isWorking: true,
      prompt: { id: turn.id, from: ['sending', 'unknown'], to: 'accepted' },
    });
    // It may have been interrupted before.
    onFree();
  }

  #end(stopReason: string, failure: TaskFailure | null, requests: 'canceled' | 'expired'): void {
    const turn = this.#turn;
    if (!turn) return;
    const { draft, onFree } = this.#options;
    this.#forget();
    draft.segment.endTurn(stopReason, failure);
    draft.tell('turn.ended', {
      isWorking: false,
      requests: null,
      settleRequests: requests,
      endsInterruption: true,
      prompt: {
        id: turn.id,
        from: ['accepted'],
        to: failure ? 'failed' : 'done',
        ...(failure ? { error: failure } : {}),
      },
      ...(failure ? { failure } : {}),
    });
    onFree();
  }

  /**
   * The response has come on the request. The stream delivers it too, after all that the agent said before, so that one is
   * waited for; but it is kept, for a stream that does not.
   */
  async #recordResponse(turn: Turn, answer: string): Promise<void> {
    const { db, signal } = this.#options;
    if (this.#turn !== turn) return;
    // Without it only a follower that takes over has less.
    await retryWhileUnavailable(() => recordResponse(db, turn.id, answer), signal).catch(() => {});
  }

  #endByRequest(turn: Turn, answer: string): void {
    // The response alone may be ahead of what the agent said before it.
    this.#whenAllIsDelivered('response', turn, streamLagMs, () => {
      const said = readMessage(answer, this.#options.conversation.connection.agentSessionId);
      if (said.type === 'response' && said.id === turn.id) this.respond(said);
    });
  }

  #giveUpLater(turn: Turn): void {
    this.#whenAllIsDelivered('unknown', turn, unknownAfterMs, () => this.#giveUp(turn));
  }

  #whenAllIsDelivered(name: string, turn: Turn, afterMs: number, work: () => void): void {
    const isWanted = () => this.#turn === turn;
    this.#options.delivery.whenComplete({ name, afterMs, quietMs: streamLagMs, isWanted, work });
  }

  #onRefusedPost(turn: Turn, error: unknown, isWritten: boolean): void {
    if (this.#turn !== turn || turn.state === 'accepted') return;
    if (!isWritten || isRefusedConnection(error)) {
      // The agent cannot have got it: it waits until there is a server again.
      this.#putBack(turn);
      return;
    }
    const wasRefused = error instanceof AgentServerError && error.status >= 400 && error.status < 500;
    if (wasRefused) {
      this.#accept(turn);
      this.#end('FAILED', promptFailed(error.message), 'canceled');
      return;
    }
    if (!(error instanceof AgentServerError || error instanceof AgentServerGoneError)) return;
    this.#options.agenda.clear('accept');
    this.#giveUpLater(turn);
  }

  #putBack(turn: Turn): void {
    const { draft, agenda, onFree } = this.#options;
    draft.tell('prompt.queued', {
      isWorking: false,
      endsInterruption: true,
      prompt: { id: turn.id, from: ['sending'], to: 'queued' },
    });
    this.#forget();
    agenda.at('look', notSentPauseMs, onFree);
  }

  /** Nothing shows whether the agent has got the prompt. The queue goes on after a while. */
  #giveUp(turn: Turn): void {
    if (this.#turn !== turn || turn.state !== 'sending') return;
    const { draft } = this.#options;
    draft.tell('prompt.unknown', {
      isWorking: false,
      endsInterruption: true,
      prompt: { id: turn.id, from: ['sending'], to: 'unknown' },
    });
    const { id, text } = turn;
    this.#unknown.add({
      id,
      text,
      state: 'unknown',
      response: null,
      unknownForMs: 0,
      isPassedOver: false,
    });
    this.#forget();
    this.#sendAfterWait();
  }

  #sendAfterWait(): void {
    const { agenda, onFree } = this.#options;
    const { waitMs } = this.#unknown;
    if (waitMs > 0) agenda.at('wait', waitMs, onFree);
  }

  #forget(): void {
    this.#options.agenda.clear('accept', 'response', 'recordResponse', 'unknown', 'stop');
    this.#turn = null;
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

export function agentGone(message: string): TaskFailure {
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
