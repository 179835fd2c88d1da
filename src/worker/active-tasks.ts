import { type Lease, LeaseLostError } from '../tasks/domain/lease.ts';

/** A task that this process works on, or is about to lease. */
export class ActiveTask {
  readonly taskId: string;
  readonly #onFinish: () => void;
  readonly #lost = new AbortController();
  readonly #leaseDecided = Promise.withResolvers<Lease | null>();
  readonly #ended = Promise.withResolvers<void>();
  #lease: Lease | null = null;
  /** The highest that the task is known to have. */
  #epoch = 0;
  /** Whether the task may be crashing workers. */
  isCrashSuspect = false;

  constructor(taskId: string, onFinish: () => void) {
    this.taskId = taskId;
    this.#onFinish = onFinish;
  }

  /** Aborts when another worker has the task, or the task was closed. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Resolves with the lease once the task is leased, or null. */
  get leaseDecided(): Promise<Lease | null> {
    return this.#leaseDecided.promise;
  }

  /** Resolves when this process stops working on the task. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Null until the task was leased. */
  get lease(): Lease | null {
    return this.#lease;
  }

  leased(lease: Lease): void {
    this.#lease = lease;
    this.#leaseDecided.resolve(lease);
    // What takes a lease away may be heard of before the lease itself is.
    this.loseTo(this.#epoch);
  }

  /** Stops the work if it runs under a lower epoch than this one, which the task has by now. */
  loseTo(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
    if (!this.#lease || epoch <= this.#lease.epoch) return;
    this.#lost.abort(new LeaseLostError(`The lease of ${this.taskId} is gone.`));
  }

  finish(): void {
    this.#onFinish();
    this.#leaseDecided.resolve(null);
    this.#ended.resolve();
  }
}

/** The tasks that this process works on, each with how to stop it. */
export class ActiveTasks {
  readonly #active = new Map<string, ActiveTask>();

  /** Call before leasing, so that a cancel in between is not missed. There must be no entry for the task. */
  start(taskId: string): ActiveTask {
    const task = new ActiveTask(taskId, () => this.#active.delete(taskId));
    this.#active.set(taskId, task);
    return task;
  }

  get(taskId: string): ActiveTask | undefined {
    return this.#active.get(taskId);
  }

  leases(): Lease[] {
    return [...this.#active.values()].flatMap(({ lease }) => lease ?? []);
  }

  /**
   * Says whether the task may be crashing workers. False, and nothing changes, if it may be and this process already runs
   * another such task.
   */
  claimCrashSuspectSlot(taskId: string, isSuspect: boolean): boolean {
    const task = this.#active.get(taskId);
    if (isSuspect && this.#active.values().some((other) => other !== task && other.isCrashSuspect))
      return false;
    if (task) task.isCrashSuspect = isSuspect;
    return true;
  }

  /** The task has this epoch by now: stops work on it under a lower one. */
  lost(taskId: string, epoch: number): void {
    this.#active.get(taskId)?.loseTo(epoch);
  }
}
