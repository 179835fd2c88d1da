import { retryWhileUnavailable } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Database, Reader } from '../tables/database.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { TranscriptUpdate } from '../tasks/domain/transcript/item.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';
import { readChangesSince } from '../tasks/store/task-feed.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { type ListedChange, ListTopics } from './list-topics.ts';
import type { Subscription } from './subscription.ts';
import { TaskTopics } from './task-topics.ts';
import { TranscriptTopics } from './transcript-topics.ts';

export interface HubOptions {
  readonly db: Database;
  readonly listener: WakeUpListener;
  readonly logger: Logger;
}

/** Milliseconds between polls: how late a change may be seen whose wake-up was lost. */
const pollMs = 1_000;

/**
 * Serves all subscribers of this process from the database. Wake-ups and a poll announce what has changed; one loop reads
 * what was announced and publishes it. While one read runs, announcements collect and go into the next one, so a busy
 * database gets fewer and larger reads. All subscribers of a revision get the same object.
 */
export class Hub {
  readonly #db: Database;
  readonly #listener: WakeUpListener;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  readonly #tasks: TaskTopics;
  readonly #lists: ListTopics;
  readonly #transcripts: TranscriptTopics;
  /** How far the poll has read the changes of all tasks. Null before the first poll. */
  #cursor: string | null = null;
  #reading: Promise<void> | undefined;
  #readingTranscripts: Promise<void> | undefined;
  #polling: Promise<void> | undefined;
  /** Polls beside the regular ones. */
  readonly #extraPolls = new Set<Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor({ db, listener, logger }: HubOptions) {
    this.#db = db;
    this.#listener = listener;
    this.#logger = logger;
    this.#tasks = new TaskTopics(db, this.#stopping.signal);
    this.#lists = new ListTopics(db, this.#stopping.signal);
    this.#transcripts = new TranscriptTopics(db, this.#stopping.signal, () => this.#readTranscripts());
  }

  /** Call it once, before anything is watched. Waits for the database. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#listener.subscribe({
      wakeUp: (change, reader) => this.#announce(change, reader),
      transcriptChanged: ({ sessionId, sequence }) => this.#transcripts.announce(sessionId, sequence),
      reconnected: () => this.#pollOnce(),
    });
    await this.#poll();
    this.#polling = runEvery(
      pollMs,
      this.#stopping.signal,
      () => this.#poll(),
      (error) => this.#onPollError(error),
    );
  }

  /** Ends all reads. Subscriptions stay open; their owner closes them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await Promise.all([this.#polling, ...this.#extraPolls, this.#reading, this.#readingTranscripts]);
  }

  /**
   * Each revision of the task after `afterRevision`, in order, once. Null begins with the task as it is now. Throws
   * NotFoundError when the viewer sees no such task, and InvalidInputError for a revision that does not exist.
   */
  async watchTask(viewer: Viewer, id: string, afterRevision: number | null): Promise<Subscription<Task>> {
    const subscription = await this.#tasks.subscribe(viewer, id, afterRevision);
    // Revisions may have been announced while the task was read.
    this.#readAnnounced();
    return subscription;
  }

  /**
   * Each task that the viewer sees, or those of one project, when it is created or changes: the newest revision, never an
   * older one. Throws NotFoundError when the viewer sees no such project.
   */
  watchTasks(viewer: Viewer, projectId: string | null): Promise<Subscription<Task>> {
    return this.#lists.subscribe(viewer, projectId);
  }

  /**
   * What has changed in a session's transcript after `afterSequence`, then each change. Null begins with the whole transcript.
   * Throws NotFoundError when the viewer sees no such session, and InvalidInputError for a number that does not exist.
   */
  watchTranscript(
    viewer: Viewer,
    sessionId: string,
    afterSequence: number | null,
  ): Promise<Subscription<TranscriptUpdate>> {
    return this.#transcripts.subscribe(viewer, sessionId, afterSequence);
  }

  /** Milliseconds since a revision of a task was committed, by the database's clock. Undefined for other values. */
  lagOf(value: unknown): number | undefined {
    if (typeof value !== 'object' || value === null || !('updatedAt' in value)) return undefined;
    return this.#db.clock.nowMs() - Date.parse(String(value.updatedAt));
  }

  /** `reader`: for a read that begins at once. */
  #announce(change: ListedChange, reader?: Reader): void {
    this.#tasks.announce(change.taskId, change.revision, reader);
    this.#lists.announce(change);
    this.#readAnnounced();
  }

  get #hasUnread(): boolean {
    return this.#tasks.hasUnread || this.#lists.hasUnread;
  }

  #readAnnounced(): void {
    if (this.#hasUnread) this.#reading ??= this.#read();
  }

  async #read(): Promise<void> {
    try {
      while (this.#hasUnread) await Promise.all([this.#tasks.readUnread(), this.#lists.readUnread()]);
    } catch (error) {
      // What is still unread is read after the next announcement or poll.
      if (!this.#stopping.signal.aborted) this.#logger.error({ err: error }, 'could not read changed tasks');
    } finally {
      this.#reading = undefined;
    }
  }

  #readTranscripts(): void {
    this.#readingTranscripts ??= this.#readUnreadTranscripts();
  }

  async #readUnreadTranscripts(): Promise<void> {
    try {
      // What is announced in this turn of the event loop is read together.
      await Promise.resolve();
      while (this.#transcripts.hasUnread) await this.#transcripts.readUnread();
    } catch (error) {
      // What is still unread is read after the next announcement or poll.
      if (!this.#stopping.signal.aborted) this.#logger.error({ err: error }, 'could not read transcripts');
    } finally {
      this.#readingTranscripts = undefined;
    }
  }

  async #poll(): Promise<void> {
    // With no watchers only the cursor moves: a later watcher starts from a fresh read. If one arrives during this poll,
    // keep the old cursor so that it misses nothing.
    const watched = this.#isWatched;
    const since = await retryWhileUnavailable(
      () => readChangesSince(this.#db, watched ? this.#cursor : null),
      this.#stopping.signal,
    );
    if (watched || !this.#isWatched) this.#cursor = since.cursor;
    for (const change of since.changes) this.#announce(change);
    // Also retries reads that failed earlier.
    this.#readAnnounced();
    this.#tasks.evict();
    this.#lists.evict();
    await this.#transcripts.poll();
    if (this.#transcripts.hasUnread) this.#readTranscripts();
  }

  #pollOnce(): void {
    const ended = this.#poll()
      .catch((error) => this.#onPollError(error))
      .finally(() => this.#extraPolls.delete(ended));
    this.#extraPolls.add(ended);
  }

  get #isWatched(): boolean {
    return this.#tasks.isWatched || this.#lists.isWatched;
  }

  #onPollError(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#logger.error({ err: error }, 'could not poll for changes');
  }
}
