import type { Task } from '../tasks/domain/task.ts';
import { SubscriberLaggedError } from './errors.ts';
import { Subscription } from './subscription.ts';

/** Changes that are kept for subscribers who have not taken them yet; of each task only the newest. */
const keptChanges = 10_000;
/** Tasks whose revision is remembered, so that none that was shown is shown again. */
const knownTasks = 50_000;

interface Change {
  readonly number: number;
  readonly task: Task;
}

/** A task list that is watched in this process: of each task that changes the newest revision, never an older one. */
export class ListTopic {
  readonly #onEmpty: () => void;
  /** Each with the number of the change that it has seen last. */
  readonly #subscriptions = new Map<Subscription<Task>, { seen: number }>();
  /** In the order of their last changes. */
  readonly #revisions = new Map<string, number>();
  readonly #newest = new Map<string, Change>();
  /** In the order of their numbers. */
  #changes: Change[] = [];
  #number = 0;
  /** Nothing up to this number can be had any more. */
  #evictedUpTo = 0;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Whether that revision has not been published. */
  isNewer(taskId: string, revision: number): boolean {
    return revision > (this.#revisions.get(taskId) ?? 0);
  }

  publish(task: Task): void {
    if (!this.isNewer(task.id, task.revision)) return;
    this.#revisions.delete(task.id);
    this.#revisions.set(task.id, task.revision);
    if (this.#revisions.size > knownTasks) this.#revisions.delete(this.#revisions.keys().next().value ?? '');

    this.#number += 1;
    const change = { number: this.#number, task };
    this.#newest.set(task.id, change);
    this.#changes.push(change);
    if (this.#changes.length > 2 * keptChanges) {
      // First those whose place another one has taken.
      this.#evict(0);
      this.#evict(this.#changes.at(-keptChanges - 1)?.number ?? 0);
    }
    for (const subscription of this.#subscriptions.keys()) subscription.wake();
  }

  /** Throws FellBehindError to a subscriber who has not taken what is not kept any more. */
  subscribe(): Subscription<Task> {
    const position = { seen: this.#number };
    const subscription: Subscription<Task> = new Subscription<Task>({
      takeNext: () => {
        const next = this.#after(position.seen);
        if (next) position.seen = next.number;
        return next?.task;
      },
      isBehind: () => position.seen < this.#evictedUpTo,
      catchUp: () => Promise.reject(new SubscriberLaggedError('the subscriber fell too far behind')),
      close: () => {
        this.#subscriptions.delete(subscription);
        if (this.#subscriptions.size === 0) this.#onEmpty();
      },
    });
    this.#subscriptions.set(subscription, position);
    return subscription;
  }

  /** Lets go of what all subscribers have taken. */
  evict(): void {
    const taken = Math.min(...[...this.#subscriptions.values()].map(({ seen }) => seen));
    if (this.#changes.length > 0) this.#evict(taken);
  }

  #after(number: number): Change | undefined {
    if (number < this.#evictedUpTo) return undefined;
    for (let index = this.#indexAfter(number); index < this.#changes.length; index += 1) {
      const change = this.#changes[index] as Change;
      // A later change of the same task takes its place.
      if (this.#newest.get(change.task.id) === change) return change;
    }
    return undefined;
  }

  #indexAfter(number: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as Change).number > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #evict(upTo: number): void {
    const kept: Change[] = [];
    for (const change of this.#changes) {
      const { id } = change.task;
      if (this.#newest.get(id) !== change) continue;
      if (change.number > upTo) {
        kept.push(change);
      } else {
        this.#newest.delete(id);
        this.#evictedUpTo = change.number;
      }
    }
    this.#changes = kept;
  }
}
