import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Database } from '../../tables/database.ts';
import { LeaseLostError } from '../../tasks/domain/lease.ts';
import type { NewMachineEvent } from '../../tasks/domain/machine-event.ts';
import type { Task, TaskState, Timestamp } from '../../tasks/domain/task.ts';
import { runningStep } from '../../tasks/domain/task-state.ts';
import { settledName } from '../../tasks/settle-name.ts';
import { changeTask, readTask } from '../../tasks/store/change-task.ts';
import { type LeasedTask, releaseTask } from '../../tasks/store/task-leases.ts';
import type { Change, TaskWrite } from '../../tasks/store/task-write.ts';
import type { TaskWrites } from '../../tasks/store/task-writes.ts';
import type { StepResult } from './steps/step.ts';

export interface WorkingCopyOptions {
  readonly db: Database;
  readonly writes: TaskWrites;
  readonly logger: Logger;
  /** Where this worker's provider makes the task's sandbox. */
  readonly location: string | null;
  /** Aborts when the lease is lost. */
  readonly lost: AbortSignal;
  /** What is to be written together with a change that has led to this state. */
  next(state: TaskState, now: Timestamp): NewMachineEvent | null;
}

/**
 * A leased task as this worker last read or wrote it. Its methods write under the lease; they throw LeaseLostError once
 * that is lost, and resolve with whether the worker still has the lease.
 */
export class WorkingCopy {
  readonly #options: WorkingCopyOptions;
  #leased: LeasedTask;

  constructor(leased: LeasedTask, options: WorkingCopyOptions) {
    this.#leased = leased;
    this.#options = options;
  }

  get leased(): LeasedTask {
    return this.#leased;
  }

  get task(): Task {
    return this.#leased.task;
  }

  /**
   * Takes the lease together with the event, which the machine must allow: the task was read as free. With `remoteBranches` the event
   * starts the step that settles the name, and its result is written, too. Throws LeaseLostError when the lease could not be taken.
   */
  async take(event: NewMachineEvent, workerId: string, remoteBranches?: ReadonlySet<string>): Promise<void> {
    const { id, revision } = this.task;
    const { event: nameSettled, ...candidates } = remoteBranches
      ? settledName(this.task, remoteBranches)
      : { event: undefined };
    await this.#change({ event, takesLeaseFor: workerId, ...candidates }, nameSettled);
    if (this.task.revision === revision) throw new LeaseLostError(`Task ${id} was not taken.`);
  }

  commit(event: NewMachineEvent): Promise<boolean> {
    return this.commitResult({ event });
  }

  async commitResult(result: StepResult): Promise<boolean> {
    const { task } = this.#leased;
    const workerData = 'remoteBranches' in result ? undefined : result.workerData;
    const change = {
      ...('remoteBranches' in result ? settledName(task, result.remoteBranches) : { event: result.event }),
      ...(workerData ? { workerData } : {}),
    };
    const stillLeased = await this.#change(change);
    this.#leased = { ...this.#leased, ...workerData } as LeasedTask;
    return stillLeased;
  }

  /** Releases the lease for `pauseMs`; null: until a client asks for work. */
  async release(pauseMs: number | null): Promise<boolean> {
    const { lease, task } = this.#leased;
    if (
      await retryWhileUnavailable(
        () => releaseTask(this.#options.db, lease, task.revision, pauseMs),
        this.#options.lost,
      )
    ) {
      return false;
    }
    const latest = await retryWhileUnavailable(
      () => readTask(this.#options.db, task.id, lease),
      this.#options.lost,
    );
    if (!latest) throw new LeaseLostError(`Task ${task.id} does not exist any more.`);
    this.#leased = { ...this.#leased, task: latest };
    return true;
  }

  /**
   * Retries until the write commits or the lease is lost: side effects that happened must be recorded. If an earlier try
   * committed unheard, the machine refuses the repeat, and we continue from the stored state. `nameSettled` follows when the
   * change has started the step that it ends.
   */
  async #change(
    change: Omit<Change, 'lease' | 'sandboxLocation'>,
    nameSettled?: NewMachineEvent,
  ): Promise<boolean> {
    const { db, writes, location, lost } = this.#options;
    const { task, lease } = this.#leased;
    const next: WorkingCopyOptions['next'] = (state, now) =>
      nameSettled && runningStep(state, 'ensure_name') ? nameSettled : this.#options.next(state, now);
    const whole = { ...change, lease, sandboxLocation: location };
    const write = (each: TaskWrite) =>
      change.takesLeaseFor === undefined ? writes.write(each) : writes.writeUnlocked(each);
    const changed = await retryWhileUnavailable(
      () => changeTask(db, task.id, whole, task, { next, write }),
      lost,
    );
    if (!changed) throw new LeaseLostError(`Task ${this.task.id} does not exist any more.`);
    this.#leased = { ...this.#leased, task: changed.task };
    if (changed.outcome !== 'changed') return true;
    const { revision, state } = changed.task;
    const steps = state.steps.map((step) => step.state);
    this.#options.logger.info({ revision, status: state.status, steps }, 'task changed');
    return !changed.leaseReleased;
  }
}
