import { retryWhileUnavailable } from '../db/retry.ts';
import type { Database, Reader } from '../tables/database.ts';
import { InvalidInputError, NotFoundError } from '../tasks/domain/errors.ts';
import { isId } from '../tasks/domain/id.ts';
import type { Task } from '../tasks/domain/task.ts';
import { canSee, type Viewer } from '../tasks/domain/viewer.ts';
import { type RevisionRange, readRevisions, readTasks } from '../tasks/store/task-feed.ts';
import { BatchedReads } from './batched-reads.ts';
import type { Subscription } from './subscription.ts';
import { TaskTopic } from './task-topic.ts';

/** Tasks, or tasks with announced revisions, in one read. */
const maxTasksPerRead = 500;
/** Catch-up pages, of up to a hundred revisions each, in one read. */
const maxPagesPerRead = 10;

const keyOfRange = ({ task, after }: RevisionRange) => `${task.id} ${after}`;
const taskNotFound = () => new NotFoundError('The task does not exist.', { field: 'id' });

/** The topics of the tasks that are watched in this process. A topic lives from its first subscriber to its last. */
export class TaskTopics {
  readonly #db: Database;
  readonly #signal: AbortSignal;
  readonly #topics = new Map<string, TaskTopic>();
  /** On the connection of the newest wake-up. Undefined once a read has begun since, or the poll has announced something. */
  #reader: Reader | undefined;
  /** The topics whose `gap` is defined. */
  readonly #withGap = new Set<TaskTopic>();
  /** The topics whose backlog may have more than the newest revision. */
  readonly #evictable = new Set<TaskTopic>();
  /** Tasks as they are when a subscriber arrives. */
  readonly #initialTasks: BatchedReads<string, Task>;
  /** Revisions for subscribers that are behind the backlog of their topic. */
  readonly #catchUpPages: BatchedReads<RevisionRange, readonly Task[]>;

  /** Reads are retried until the signal aborts. */
  constructor(db: Database, signal: AbortSignal) {
    this.#db = db;
    this.#signal = signal;
    this.#initialTasks = new BatchedReads({
      keyOf: (id) => id,
      readMany: async (ids) => new Map((await readTasks(db, ids)).map((task) => [task.id, task])),
      maxBatch: maxTasksPerRead,
      signal,
    });
    this.#catchUpPages = new BatchedReads<RevisionRange, readonly Task[]>({
      keyOf: keyOfRange,
      readMany: async (ranges) => {
        const pages = await readRevisions(db, ranges);
        return new Map(ranges.map((range, index) => [keyOfRange(range), pages[index] ?? []]));
      },
      maxBatch: maxPagesPerRead,
      signal,
    });
  }

  get isWatched(): boolean {
    return this.#topics.size > 0;
  }

  /** Whether revisions were announced and not read. */
  get hasUnread(): boolean {
    return this.#withGap.size > 0;
  }

  /** `reader`: for a read of one task, if it begins at once. */
  announce(taskId: string, revision: number, reader?: Reader): void {
    this.#reader = reader;
    const topic = this.#topics.get(taskId);
    topic?.announce(revision);
    this.#noteGap(topic);
  }

  /** Reads announced revisions, of a bounded number of tasks, and publishes them. */
  async readUnread(): Promise<void> {
    const topics = [...this.#withGap].slice(0, maxTasksPerRead);
    if (topics.length === 0) return;
    const ranges = topics.map((topic) => topic.gap as RevisionRange);
    const readPages = () => {
      // For the first attempt: it may fail because this connection is lost.
      const reader = ranges.length === 1 ? this.#reader : undefined;
      this.#reader = undefined;
      return readRevisions(reader ?? this.#db, ranges);
    };
    const pages = await retryWhileUnavailable(readPages, this.#signal);
    // Those of announcements that came meanwhile: what they were for did not begin at once.
    this.#reader = undefined;
    for (const [index, topic] of topics.entries()) {
      // The last subscriber left meanwhile.
      if (!this.#withGap.has(topic)) continue;
      const page = pages[index] ?? [];
      for (const revision of page) topic.publish(revision);
      if (page.length === 0) topic.discardAnnouncement();
      else this.#evictable.add(topic);
      if (!topic.gap) this.#withGap.delete(topic);
    }
  }

  /**
   * Each revision of the task after `afterRevision`, in order, once. Null begins with the task as it is now. Throws
   * NotFoundError when the viewer sees no such task, and InvalidInputError for a revision that does not exist.
   */
  async subscribe(viewer: Viewer, id: string, afterRevision: number | null): Promise<Subscription<Task>> {
    if (!isId('task', id)) throw taskNotFound();
    // The topic collects announcements from here on, so no revision falls between this read and the subscription.
    const topic = this.#retain(id);
    try {
      const task = await this.#initialTasks.read(id);
      if (!task || !canSee(viewer, task)) throw taskNotFound();
      if (afterRevision !== null && (afterRevision < 0 || afterRevision > task.revision)) {
        throw new InvalidInputError(
          `afterRevision must be from 0 to ${task.revision}, the newest revision.`,
          { field: 'afterRevision' },
        );
      }
      topic.seed(task);
      const subscription = topic.subscribe(task, afterRevision ?? task.revision - 1);
      this.#noteGap(topic);
      return subscription;
    } catch (error) {
      topic.release();
      throw error;
    }
  }

  /** Evicts revisions that all but slow readers have taken. Call it at regular intervals. */
  evict(): void {
    for (const topic of this.#evictable) if (!topic.evict()) this.#evictable.delete(topic);
  }

  #noteGap(topic: TaskTopic | undefined): void {
    if (topic?.gap) this.#withGap.add(topic);
  }

  #retain(id: string): TaskTopic {
    let topic = this.#topics.get(id);
    if (!topic) {
      const added = new TaskTopic({
        readRevisions: async (range) => (await this.#catchUpPages.read(range)) ?? [],
        onUnused: () => {
          this.#topics.delete(id);
          this.#withGap.delete(added);
          this.#evictable.delete(added);
        },
      });
      this.#topics.set(id, added);
      topic = added;
    }
    topic.retain();
    return topic;
  }
}
