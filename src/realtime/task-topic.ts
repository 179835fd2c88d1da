import type { Task } from '../tasks/domain/task.ts';
import { Subscription } from './subscription.ts';

/** Revisions that are kept at hand for those who are nearly up to date; who is further behind reads the event table. */
const keptRevisions = 32;

export interface TaskReader {
  /** The revisions after that one, oldest first, some of them at least when there are any. Shared: not to be changed. */
  readRevisions(task: Task, after: number): Promise<readonly Task[]>;
}

/** One task that is watched in this process. All its subscribers share one read of each revision, and its objects. */
export class TaskTopic {
  readonly #reader: TaskReader;
  readonly #onEmpty: () => void;
  readonly #subscriptions = new Set<Subscription<Task>>();
  /** Those who are about to subscribe count too: the topic hears of changes from before it knows its task. */
  #users = 0;
  #task: Task | undefined;
  /** Without gaps, oldest first; ends with `#loaded`. */
  #kept: Task[] = [];
  /** How many of them were at hand already when somebody last looked. */
  #cachedAtLastEviction = 0;
  #loaded = 0;
  #newest = 0;

  constructor(reader: TaskReader, onEmpty: () => void) {
    this.#reader = reader;
    this.#onEmpty = onEmpty;
  }

  /** What is to be read; undefined when everything is. */
  get gap(): { task: Task; after: number } | undefined {
    return this.#task && this.#newest > this.#loaded ? { task: this.#task, after: this.#loaded } : undefined;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#onEmpty();
  }

  /** The task as it was read by somebody who has entered before. */
  seed(task: Task): void {
    this.announce(task.revision);
    if (this.#task) return;
    this.#task = task;
    this.#kept = [task];
    this.#loaded = task.revision;
  }

  /** There is such a revision. */
  announce(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
  }

  /** What it was woken for is not there: anybody may send a wake-up. */
  discardAnnouncement(): void {
    this.#newest = this.#loaded;
  }

  /** The next revision was read. */
  publish(task: Task): void {
    if (task.revision !== this.#loaded + 1) return;
    this.#kept.push(task);
    if (this.#kept.length > keptRevisions) {
      this.#kept.shift();
      this.#cachedAtLastEviction = Math.max(0, this.#cachedAtLastEviction - 1);
    }
    this.#loaded = task.revision;
    this.#newest = Math.max(this.#newest, task.revision);
    for (const subscription of this.#subscriptions) subscription.wake();
  }

  /**
   * Lets go of all but the newest that were at hand already the last time: who has not taken them by now reads slowly, and
   * they are large. False: there is nothing more to let go of.
   */
  evict(): boolean {
    this.#kept.splice(0, Math.min(this.#cachedAtLastEviction, this.#kept.length - 1));
    this.#cachedAtLastEviction = this.#kept.length;
    return this.#kept.length > 1;
  }

  /** Each revision after that one, in order, once. For one who has entered; closing the subscription leaves. */
  subscribe(task: Task, after: number): Subscription<Task> {
    let seen = after;
    let page: readonly Task[] = [];
    let turned = 0;
    const subscription: Subscription<Task> = new Subscription<Task>({
      takeNext: () => {
        const next = page[turned] ?? this.#at(seen + 1);
        if (next) seen = next.revision;
        turned += 1;
        if (turned >= page.length) page = [];
        return next;
      },
      isBehind: () => seen < this.#loaded,
      catchUp: async () => {
        page = await this.#reader.readRevisions(task, seen);
        turned = 0;
      },
      close: () => {
        this.#subscriptions.delete(subscription);
        this.release();
      },
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #at(revision: number): Task | undefined {
    const first = this.#kept[0]?.revision ?? 0;
    return this.#kept[revision - first];
  }
}
