import type { Task } from '../tasks/domain/task.ts';
import { SubscriberLaggedError } from './errors.ts';
import { Subscription } from './subscription.ts';

/** Changes that are kept for subscribers that have not taken them; only the newest of each task counts. */
const maxBacklog = 10_000;
/** Tasks whose last published revision is remembered, so that none is published twice. */
const maxRememberedTasks = 50_000;

interface Change {
  /** The change's place in the order of publication, from 1. */
  readonly number: number;
  readonly task: Task;
}

/**
 * A task list that is watched in this process. Of each task that changes it shows the newest revision: a change that a
 * subscriber has not taken is replaced by a later one of the same task, and no revision is followed by an older one.
 */
export class ListTopic {
  readonly #onUnused: () => void;
  /** Each subscriber's position: the number of the change that it took last. */
  readonly #positions = new Map<Subscription<Task>, { taken: number }>();
  /** The last published revision by task id; the task that was published last comes last. */
  readonly #published = new Map<string, number>();
  /** The newest change by task id, of those in the backlog. */
  readonly #newest = new Map<string, Change>();
  /** Changes that some subscriber may not have taken, by number. */
  #backlog: Change[] = [];
  /** The number of the newest change. */
  #watermark = 0;
  /** Changes up to this number were evicted. */
  #evictedUpTo = 0;

  /** `onUnused` is called when the last subscription is closed. */
  constructor(onUnused: () => void) {
    this.#onUnused = onUnused;
  }

  /** Whether neither this revision of the task nor a later one was published. */
  isNewer(taskId: string, revision: number): boolean {
    return revision > (this.#published.get(taskId) ?? 0);
  }

  publish(task: Task): void {
    if (!this.isNewer(task.id, task.revision)) return;
    // Deleted first, so that it moves to the end.
    this.#published.delete(task.id);
    this.#published.set(task.id, task.revision);
    if (this.#published.size > maxRememberedTasks) {
      this.#published.delete(this.#published.keys().next().value ?? '');
    }

    this.#watermark += 1;
    const change = { number: this.#watermark, task };
    this.#newest.set(task.id, change);
    this.#backlog.push(change);
    if (this.#backlog.length > 2 * maxBacklog) {
      // Replaced changes first: without them, the backlog may be short enough.
      this.#evict(0);
      this.#evict(this.#backlog.at(-maxBacklog - 1)?.number ?? 0);
    }
    for (const subscription of this.#positions.keys()) subscription.wake();
  }

  /** Every later change. The subscription fails with SubscriberLaggedError when a change that it has not taken was evicted. */
  subscribe(): Subscription<Task> {
    const position = { taken: this.#watermark };
    const subscription: Subscription<Task> = new Subscription<Task>({
      takeNext: () => {
        const next = this.#after(position.taken);
        if (next) position.taken = next.number;
        return next?.task;
      },
      isBehind: () => position.taken < this.#evictedUpTo,
      catchUp: () => Promise.reject(new SubscriberLaggedError('The subscriber fell too far behind.')),
      close: () => {
        this.#positions.delete(subscription);
        if (this.#positions.size === 0) this.#onUnused();
      },
    });
    this.#positions.set(subscription, position);
    return subscription;
  }

  /** Evicts what all subscribers have taken. */
  evict(): void {
    if (this.#backlog.length === 0) return;
    let takenByAll = this.#watermark;
    for (const { taken } of this.#positions.values()) takenByAll = Math.min(takenByAll, taken);
    this.#evict(takenByAll);
  }

  #after(number: number): Change | undefined {
    if (number < this.#evictedUpTo) return undefined;
    for (let index = this.#indexAfter(number); index < this.#backlog.length; index += 1) {
      const change = this.#backlog[index] as Change;
      // A later change of the same task replaced it.
      if (this.#newest.get(change.task.id) === change) return change;
    }
    return undefined;
  }

  /** The index of the first change in the backlog with a greater number: a binary search. */
  #indexAfter(number: number): number {
    let low = 0;
    let high = this.#backlog.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#backlog[middle] as Change).number > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Removes changes up to this number, and all that a later change of the same task replaced. */
  #evict(upTo: number): void {
    const kept: Change[] = [];
    for (const change of this.#backlog) {
      const { id } = change.task;
      if (this.#newest.get(id) !== change) continue;
      if (change.number > upTo) {
        kept.push(change);
      } else {
        this.#newest.delete(id);
        this.#evictedUpTo = change.number;
      }
    }
    this.#backlog = kept;
  }
}
