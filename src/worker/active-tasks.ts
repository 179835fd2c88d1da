import { type Lease, LeaseLostError } from '../tasks/store/change-task.ts';

export interface ActiveTask {
  readonly taskId: string;
  /** Aborts when somebody else has the task, or nobody may. */
  readonly lost: AbortSignal;
  /** Resolves when it shows whether the task was taken; null: it was not. */
  readonly leaseDecided: Promise<Lease | null>;
  /** Resolves when this process has let go of the task. */
  readonly ended: Promise<void>;
  /** Null until the task was taken. */
  readonly lease: Lease | null;
  leased(lease: Lease): void;
  finish(): void;
}

/** The tasks that this process works on, each with how to stop it. */
export class ActiveTasks {
  readonly #active = new Map<string, ActiveTask & { controller: AbortController; suspect: boolean }>();

  /** Before the task is taken, so that nothing can happen to it unseen. There must be no other task of it. */
  start(taskId: string): ActiveTask {
    const controller = new AbortController();
    const leaseDecided = Promise.withResolvers<Lease | null>();
    const ended = Promise.withResolvers<void>();
    const task = {
      taskId,
      controller,
      suspect: false,
      lost: controller.signal,
      leaseDecided: leaseDecided.promise,
      ended: ended.promise,
      lease: null as Lease | null,
      leased: (lease: Lease) => {
        task.lease = lease;
        leaseDecided.resolve(lease);
      },
      finish: () => {
        this.#active.delete(taskId);
        leaseDecided.resolve(null);
        ended.resolve();
      },
    };
    this.#active.set(taskId, task);
    return task;
  }

  get(taskId: string): ActiveTask | undefined {
    return this.#active.get(taskId);
  }

  leases(): Lease[] {
    return [...this.#active.values()].flatMap(({ lease }) => lease ?? []);
  }

  /** Says whether the task is suspect of killing its workers. False: another one is, and this one may not be it too. */
  claimCrashSuspectSlot(taskId: string, suspect: boolean): boolean {
    const task = this.#active.get(taskId);
    if (suspect && [...this.#active.values()].some((other) => other !== task && other.suspect)) return false;
    if (task) task.suspect = suspect;
    return true;
  }

  /** Stops the work on the task when its epoch by now is higher than the one that it is held under. */
  lost(taskId: string, epoch: number): void {
    const task = this.#active.get(taskId);
    if (task?.lease && epoch > task.lease.epoch) {
      task.controller.abort(new LeaseLostError(`lease of ${taskId} is gone`));
    }
  }
}
