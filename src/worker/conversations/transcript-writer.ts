import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Database } from '../../tables/database.ts';
import { FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import {
  type ConversationFact,
  changeConversation,
  hasPromptState,
  PromptChangedError,
} from '../../tasks/store/conversation-changes.ts';
import { type TranscriptWrite, wasWritten, writeTranscripts } from '../../tasks/store/transcript-writes.ts';

interface Waiting extends PromiseWithResolvers<void> {
  readonly write: TranscriptWrite;
  readonly signal: AbortSignal;
}

/** Transcripts in one statement. */
const maxCompany = 100;

/**
 * Writes the transcripts of a worker's followers. What arrives while a statement runs goes out in the next one together; each
 * keeps its own fence and its own outcome.
 */
export class TranscriptWriter {
  readonly #db: Database;
  readonly #metrics: Metrics;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(db: Database, metrics: Metrics) {
    this.#db = db;
    this.#metrics = metrics;
  }

  /** Resolves once the write is stored. Waits while the database is away. Rejects with FollowLostError. */
  async write(write: TranscriptWrite, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const waiting = { write, signal, ...Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    if (!this.#isWriting) void this.#writeWaiting();
    await waiting.promise;
    this.#metrics.transcriptStored((performance.now() - startedAt) / 1_000);
  }

  /** The same for what is a revision of the task too: in a transaction of its own. */
  async change(
    taskId: string,
    facts: readonly ConversationFact[],
    write: TranscriptWrite,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await retryWhileUnavailable(() => changeConversation(this.#db, taskId, facts, write), signal);
    } catch (error) {
      const isRefused = error instanceof FollowLostError || error instanceof PromptChangedError;
      if (!isRefused || !(await this.#wasChanged(facts, write, signal))) throw error;
    }
  }

  /** Whether the change was made before, and only its reply was lost. */
  #wasChanged(
    facts: readonly ConversationFact[],
    write: TranscriptWrite,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (write.changes.length > 0) return this.#wasWritten(write, signal);
    const prompt = facts.findLast((fact) => fact.prompt)?.prompt;
    if (!prompt) return Promise.resolve(false);
    return retryWhileUnavailable(() => hasPromptState(this.#db, prompt.id, prompt.to), signal);
  }

  async #writeWaiting(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxCompany);
      this.#metrics.batchRun('transcript', batch.length);
      try {
        const written = await writeTranscripts(
          this.#db,
          batch.map(({ write }) => write),
        );
        await Promise.all(batch.map((each) => this.#settle(each, written)));
      } catch {
        // One of them may be what the database refuses: each on its own.
        await Promise.all(batch.map((each) => this.#writeAlone(each)));
      }
    }
    this.#isWriting = false;
  }

  async #writeAlone(waiting: Waiting): Promise<void> {
    const { write, signal, reject } = waiting;
    try {
      const written = await retryWhileUnavailable(() => writeTranscripts(this.#db, [write]), signal);
      await this.#settle(waiting, written);
    } catch (error) {
      reject(error);
    }
  }

  async #settle({ write, signal, resolve, reject }: Waiting, written: ReadonlySet<string>): Promise<void> {
    const { sessionId } = write.lease;
    if (written.has(sessionId)) return resolve();
    try {
      if (await this.#wasWritten(write, signal)) resolve();
      else reject(new FollowLostError(`${sessionId} has another follower, or was closed.`));
    } catch (error) {
      reject(error);
    }
  }

  #wasWritten(write: TranscriptWrite, signal: AbortSignal): Promise<boolean> {
    return retryWhileUnavailable(() => wasWritten(this.#db, write), signal);
  }
}
