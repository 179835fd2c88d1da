import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Database } from '../../tables/database.ts';
import type { TaskFailure } from '../../tasks/domain/task.ts';
import { Segment } from '../../tasks/domain/transcript/segment.ts';
import type { ConversationFact } from '../../tasks/store/conversation-changes.ts';
import { type FollowedConversation, readSegment } from '../../tasks/store/conversations.ts';
import type { TranscriptWriter } from './transcript-writer.ts';

export interface TranscriptDraftOptions {
  readonly db: Database;
  readonly writer: TranscriptWriter;
  readonly conversation: FollowedConversation;
}

type ConversationKind = Extract<ConversationFact['event'], { type: 'conversationChanged' }>['kind'];

/** What a fact says besides its kind. */
interface FactDetails extends Omit<ConversationFact, 'event'> {
  readonly isWorking?: boolean;
  /** By how many the open requests become more; null: none is left. */
  readonly requests?: number | null;
  readonly failure?: TaskFailure;
}

/** Milliseconds between two writes of text, and the text after which none is waited for. */
const flushMs = 100;
const flushLength = 64 * 1024;

/**
 * What a follower has not written yet: changes of the transcript, what of them is a revision of the task, and how far the
 * agent's stream was read. All of it is written at once, so that none is there without the others.
 */
export class TranscriptDraft {
  readonly #options: TranscriptDraftOptions;
  readonly #facts: ConversationFact[] = [];
  #segment = new Segment({ position: 0, turnPosition: 1, promptId: null, items: [] });
  #sequence: number;
  #stored: number;
  #lastFlushAt = 0;
  /** The number of the last message of the agent that this draft holds, or that is stored. */
  read: number;

  constructor(options: TranscriptDraftOptions) {
    const { sequence, streamPosition } = options.conversation;
    this.#options = options;
    this.#sequence = sequence;
    this.#stored = streamPosition;
    this.read = streamPosition;
  }

  get segment(): Segment {
    return this.#segment;
  }

  /** Whether it must be written at once. */
  get isUrgent(): boolean {
    return this.#facts.length > 0 || this.#segment.dirtyLength > flushLength;
  }

  /** Milliseconds until it is to be written; undefined when it is empty. */
  get dueInMs(): number | undefined {
    if (this.isUrgent) return 0;
    if (!this.#segment.isDirty && this.read === this.#stored) return undefined;
    return Math.max(0, this.#lastFlushAt + flushMs - performance.now());
  }

  /** Continues where the store ends. */
  async load(signal: AbortSignal): Promise<void> {
    const { db, conversation } = this.#options;
    const { sessionId } = conversation.lease;
    this.#segment = new Segment(await retryWhileUnavailable(() => readSegment(db, sessionId), signal));
  }

  /** Adds what is a revision of the task. */
  tell(kind: ConversationKind, details: FactDetails = {}): void {
    const { isWorking, requests, failure, ...more } = details;
    const { sessionId } = this.#options.conversation.lease;
    const event = {
      type: 'conversationChanged' as const,
      sessionId,
      kind,
      ...(isWorking === undefined ? {} : { isWorking }),
      ...(requests === undefined ? {} : { requests }),
      ...(failure === undefined ? {} : { error: failure }),
    };
    this.#facts.push({ event, ...more });
  }

  /** The session is lost: it is followed no more. */
  tellLost(error: TaskFailure): void {
    const { sessionId } = this.#options.conversation.lease;
    const event = { type: 'sessionLost' as const, sessionId, error };
    this.#facts.push({ event, settleRequests: 'expired', closes: true });
  }

  /**
   * Writes all that there is. Rejects with FollowLostError, and with PromptChangedError: then the changes of the transcript are
   * lost, and the session must be followed anew unless there were none.
   */
  async flush(signal: AbortSignal): Promise<void> {
    const { writer, conversation } = this.#options;
    this.#lastFlushAt = performance.now();
    const facts = this.#facts.splice(0);
    const changes = this.#segment.take();
    if (facts.length === 0 && changes.length === 0 && this.read === this.#stored) return;
    const write = {
      lease: conversation.lease,
      sequence: this.#sequence,
      changes,
      position: this.#segment.position,
      turnPosition: this.#segment.turnPosition,
      turnPromptId: this.#segment.promptId,
      streamPosition: this.read,
    };
    if (facts.length > 0) await writer.change(conversation.taskId, facts, write, signal);
    else await writer.write(write, signal);
    this.#sequence += changes.length;
    this.#stored = write.streamPosition;
  }
}
