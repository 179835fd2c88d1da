import type { Task } from '../tasks/task.ts';
import { Subscription } from './subscription.ts';

/** Changes that are kept for subscribers who have not taken them yet; of each task only the newest. */
const keptChanges = 10_000;

interface Change {
  readonly number: number;
  readonly task: Task;
}

/** A task list that is watched in this process: of each task that changes the newest revision, never an older one. */
export class ListTopic {
  readonly #onEmpty: () => void;
  readonly #subscriptions = new Set<Subscription<Task>>();
  readonly #newest = new Map<string, Change>();
  /** In the order of their numbers. */
  #changes: Change[] = [];
  #number = 0;
  /** Nothing up to this number can be had any more. */
  #forgotten = 0;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Whether that revision has not been published. */
  lacks(taskId: string, revision: number): boolean {
    return revision > (this.#newest.get(taskId)?.task.revision ?? 0);
  }

  publish(task: Task): void {
    if (!this.lacks(task.id, task.revision)) return;
    this.#number += 1;
    const change = { number: this.#number, task };
    this.#newest.set(task.id, change);
    this.#changes.push(change);
    if (this.#changes.length > 2 * keptChanges) this.#compact();
    for (const subscription of this.#subscriptions) subscription.wake();
  }

  subscribe(): Subscription<Task> {
    let seen = this.#number;
    const subscription: Subscription<Task> = new Subscription<Task>({
      take: () => {
        const next = this.#after(seen);
        if (next) seen = next.number;
        return next?.task;
      },
      lags: () => seen < this.#forgotten,
      fetch: () => Promise.reject(new Error('the subscriber fell too far behind')),
      close: () => {
        this.#subscriptions.delete(subscription);
        if (this.#subscriptions.size === 0) this.#onEmpty();
      },
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #after(number: number): Change | undefined {
    if (number < this.#forgotten) return undefined;
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as Change).number > number) high = middle;
      else low = middle + 1;
    }
    for (let index = low; index < this.#changes.length; index += 1) {
      const change = this.#changes[index] as Change;
      // A later change of the same task takes its place.
      if (this.#newest.get(change.task.id) === change) return change;
    }
    return undefined;
  }

  #compact(): void {
    const current = this.#changes.filter((change) => this.#newest.get(change.task.id) === change);
    const dropped = current.slice(0, -keptChanges);
    for (const { task } of dropped) this.#newest.delete(task.id);
    this.#forgotten = dropped.at(-1)?.number ?? this.#forgotten;
    this.#changes = current.slice(-keptChanges);
  }
}
