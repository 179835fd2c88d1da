import { type Lease, LeaseLostError } from '../tasks/store.ts';

/** The tasks that this process works on, each with how to stop it. */
export class Holds {
  readonly #holds = new Map<string, { lease: Lease | null; controller: AbortController }>();

  /** Before the task is taken, so that nothing can happen to it unseen. Null: it is held already. */
  add(taskId: string): AbortSignal | null {
    if (this.#holds.has(taskId)) return null;
    const controller = new AbortController();
    this.#holds.set(taskId, { lease: null, controller });
    return controller.signal;
  }

  taken(lease: Lease): void {
    const hold = this.#holds.get(lease.taskId);
    if (hold) hold.lease = lease;
  }

  delete(taskId: string): void {
    this.#holds.delete(taskId);
  }

  has(taskId: string): boolean {
    return this.#holds.has(taskId);
  }

  leases(): Lease[] {
    return [...this.#holds.values()].flatMap(({ lease }) => lease ?? []);
  }

  /** Somebody else has the task, or nobody may: stops the work on it. `epoch` is the task's own by now. */
  lost(taskId: string, epoch: number): void {
    const hold = this.#holds.get(taskId);
    if (hold?.lease && epoch > hold.lease.epoch) {
      hold.controller.abort(new LeaseLostError(`lease of ${taskId} is gone`));
    }
  }
}
