import { retryWhileUnavailable } from '../db/retry.ts';
import type { Database } from '../tables/database.ts';
import { InvalidInputError, NotFoundError } from '../tasks/domain/errors.ts';
import type { TranscriptUpdate } from '../tasks/domain/transcript/item.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';
import { readSequences, readTranscriptUpdates } from '../tasks/store/transcript-feed.ts';
import { findSession } from '../tasks/store/view/task-queries.ts';
import { View } from '../tasks/store/view/view.ts';
import type { Subscription } from './subscription.ts';
import { TranscriptTopic } from './transcript-topic.ts';

/** Transcripts in one read. */
const maxTopicsPerRead = 100;

/** The transcripts that are watched in this process. A topic lives from its first subscriber to its last. */
export class TranscriptTopics {
  readonly #db: Database;
  readonly #signal: AbortSignal;
  readonly #onGap: () => void;
  readonly #topics = new Map<string, TranscriptTopic>();
  /** The topics that have something to read. */
  readonly #withGap = new Set<TranscriptTopic>();

  /** Reads are retried until the signal aborts. `onGap` is called when there is something to read. */
  constructor(db: Database, signal: AbortSignal, onGap: () => void) {
    this.#db = db;
    this.#signal = signal;
    this.#onGap = onGap;
  }

  get hasUnread(): boolean {
    return this.#withGap.size > 0;
  }

  announce(sessionId: string, sequence: number): void {
    this.#topics.get(sessionId)?.announce(sequence);
  }

  /** Announces what was changed without a notification that arrived. */
  async poll(): Promise<void> {
    if (this.#topics.size === 0) return;
    const sequences = await this.#read(() => readSequences(this.#db, [...this.#topics.keys()]));
    for (const [sessionId, sequence] of sequences) this.announce(sessionId, sequence);
    // Also retries reads that failed earlier.
    for (const topic of this.#topics.values()) {
      topic.evict();
      if (topic.hasGap) this.#withGap.add(topic);
    }
  }

  /** Reads what was announced and asked for, of a bounded number of transcripts, and publishes it. */
  async readUnread(): Promise<void> {
    const topics = [...this.#withGap].slice(0, maxTopicsPerRead);
    if (topics.length === 0) return;
    for (const topic of topics) this.#withGap.delete(topic);
    const ranges = topics.flatMap((topic) =>
      topic.positionsToRead().map((after) => ({ topic, sessionId: topic.sessionId, after })),
    );
    try {
      const updates = await this.#read(() => readTranscriptUpdates(this.#db, ranges));
      const byTopic = Map.groupBy(updates.keys(), (index) => ranges[index]?.topic as TranscriptTopic);
      for (const [topic, indexes] of byTopic) {
        topic.publish(indexes.map((index) => updates[index] as TranscriptUpdate));
        if (topic.hasGap) this.#withGap.add(topic);
      }
    } catch (error) {
      for (const topic of topics) this.#withGap.add(topic);
      throw error;
    }
  }

  /**
   * What has changed after `afterSequence`, null for all, then what changes. Throws NotFoundError when the viewer sees no such
   * session, and InvalidInputError for a number that does not exist.
   */
  async subscribe(
    viewer: Viewer,
    sessionId: string,
    afterSequence: number | null,
  ): Promise<Subscription<TranscriptUpdate>> {
    const view = new View(this.#db, viewer);
    const session = await this.#read(() => findSession(view, sessionId));
    if (!session) throw new NotFoundError('The session does not exist.', { field: 'sessionId' });
    const sequences = await this.#read(() => readSequences(this.#db, [sessionId]));
    const sequence = sequences.get(sessionId) ?? 0;
    if (afterSequence !== null && (afterSequence < 0 || afterSequence > sequence)) {
      throw new InvalidInputError(`afterSequence must be from 0 to ${sequence}, the newest one.`, {
        field: 'afterSequence',
      });
    }
    let topic = this.#topics.get(sessionId);
    if (!topic) {
      const added: TranscriptTopic = new TranscriptTopic(
        {
          sessionId,
          onGap: () => {
            this.#withGap.add(added);
            this.#onGap();
          },
          onUnused: () => {
            this.#topics.delete(sessionId);
            this.#withGap.delete(added);
          },
        },
        sequence,
      );
      this.#topics.set(sessionId, added);
      topic = added;
    }
    return topic.subscribe(afterSequence ?? 0);
  }

  #read<T>(work: () => Promise<T>): Promise<T> {
    return retryWhileUnavailable(work, this.#signal);
  }
}
