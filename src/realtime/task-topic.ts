import { NotFoundError } from '../tasks/domain/errors.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { RevisionRange } from '../tasks/store/task-feed.ts';
import { Subscription } from './subscription.ts';

/** Revisions that a topic keeps for subscribers that are nearly up to date. The others read from the event table. */
const maxBacklog = 32;

export interface TaskTopicOptions {
  /**
   * Returns revisions after the given one, oldest first, without gaps, and at least one when there is one. The list may be
   * shared between subscribers.
   */
  readonly readRevisions: (range: RevisionRange) => Promise<readonly Task[]>;
  /** Called when the last `retain` was released. */
  readonly onUnused: () => void;
}

/**
 * One task that is watched in this process. Each revision is read once, and all subscribers get the same object.
 *
 * `announce` says that a revision exists; `gap` says what to read because of that; `publish` takes what was read.
 */
export class TaskTopic {
  readonly #options: TaskTopicOptions;
  readonly #subscriptions = new Set<Subscription<Task>>();
  /** Includes callers of `watchTask` that are still loading. */
  #users = 0;
  #task: Task | undefined;
  /** The newest revisions up to the watermark, oldest first, without gaps. */
  #backlog: Task[] = [];
  /** How many revisions the backlog had at the previous eviction pass. */
  #backlogAtLastEviction = 0;
  /** The newest revision that was published. */
  #watermark = 0;
  /** The newest revision that is said to exist. */
  #announced = 0;

  constructor(options: TaskTopicOptions) {
    this.#options = options;
  }

  /** The revisions that were announced and not published. Undefined when there are none, or before `seed`. */
  get gap(): RevisionRange | undefined {
    return this.#task && this.#announced > this.#watermark
      ? { task: this.#task, after: this.#watermark }
      : undefined;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#options.onUnused();
  }

  /** Takes the task as it was read by a caller that has retained the topic before it read. Only the first sets the watermark. */
  seed(task: Task): void {
    this.announce(task.revision);
    if (this.#task) return;
    this.#task = task;
    this.#backlog = [task];
    this.#watermark = task.revision;
  }

  /** Announces that this revision exists. */
  announce(revision: number): void {
    // Not Math.max: a wake-up may say anything, and NaN would hide all later announcements.
    if (revision > this.#announced) this.#announced = revision;
  }

  /** The announced revision does not exist (NOTIFY is untrusted); stop looking for it. */
  discardAnnouncement(): void {
    this.#announced = this.#watermark;
  }

  /** Publishes the revision after the watermark; ignores any other, which was published before. */
  publish(task: Task): void {
    if (task.revision !== this.#watermark + 1) return;
    this.#backlog.push(task);
    if (this.#backlog.length > maxBacklog) {
      this.#backlog.shift();
      this.#backlogAtLastEviction = Math.max(0, this.#backlogAtLastEviction - 1);
    }
    this.#watermark = task.revision;
    this.announce(task.revision);
    for (const subscription of this.#subscriptions) subscription.wake();
  }

  /**
   * Evicts the revisions that were in the backlog at the previous pass, except the newest; slow readers re-read them. False
   * when only the newest is left.
   */
  evict(): boolean {
    this.#backlog.splice(0, Math.min(this.#backlogAtLastEviction, this.#backlog.length - 1));
    this.#backlogAtLastEviction = this.#backlog.length;
    return this.#backlog.length > 1;
  }

  /**
   * Each revision after `after`, in order, once. Call after `retain()`; closing the subscription releases. It fails with
   * NotFoundError when the task is deleted before the subscriber has caught up.
   */
  subscribe(task: Task, after: number): Subscription<Task> {
    let position = after;
    let page: Iterator<Task, undefined> | undefined;
    const subscription: Subscription<Task> = new Subscription<Task>({
      takeNext: () => {
        const next = page?.next().value ?? this.#inBacklog(position + 1);
        if (next) position = next.revision;
        return next;
      },
      isBehind: () => position < this.#watermark,
      catchUp: async () => {
        const revisions = await this.#options.readRevisions({ task, after: position });
        // Without this, the subscription would repeat the read for ever.
        if (revisions.length === 0) throw new NotFoundError('The task was deleted.');
        page = revisions.values();
      },
      close: () => {
        this.#subscriptions.delete(subscription);
        this.release();
      },
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #inBacklog(revision: number): Task | undefined {
    const first = this.#backlog[0]?.revision ?? 0;
    return this.#backlog[revision - first];
  }
}
