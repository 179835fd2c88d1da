import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Database } from '../../tables/database.ts';
import { LeaseLostError } from '../../tasks/domain/lease.ts';
import type { Task } from '../../tasks/domain/task.ts';
import type { NewMachineEvent } from '../../tasks/domain/task-machine.ts';
import { settleName } from '../../tasks/settle-name.ts';
import { type ChangeResult, changeTask, readTask } from '../../tasks/store/change-task.ts';
import { type LeasedTask, releaseTask } from '../../tasks/store/task-leases.ts';
import type { StepResult } from './steps/step.ts';

/**
 * A leased task as this worker last read or wrote it. Its methods write under the lease; they throw LeaseLostError once
 * that is lost, and resolve with whether the worker still has the lease.
 */
export class WorkingCopy {
  readonly #db: Database;
  readonly #lost: AbortSignal;
  readonly #logger: Logger;
  /** Where this worker's provider makes the task's sandbox. */
  readonly #location: string | null;
  #leased: LeasedTask;

  constructor(db: Database, leased: LeasedTask, location: string | null, lost: AbortSignal, logger: Logger) {
    this.#db = db;
    this.#leased = leased;
    this.#location = location;
    this.#lost = lost;
    this.#logger = logger;
  }

  get leased(): LeasedTask {
    return this.#leased;
  }

  get task(): Task {
    return this.#leased.task;
  }

  commit(event: NewMachineEvent): Promise<boolean> {
    return this.commitResult({ event });
  }

  async commitResult(result: StepResult): Promise<boolean> {
    const { task, lease } = this.#leased;
    if ('remoteBranches' in result) {
      return this.#write(() => settleName(this.#db, task, lease, result.remoteBranches));
    }
    const { event, workerData } = result;
    const change = { event, lease, sandboxLocation: this.#location, ...(workerData ? { workerData } : {}) };
    const stillLeased = await this.#write(() => changeTask(this.#db, task.id, change, task));
    this.#leased = { ...this.#leased, ...workerData } as LeasedTask;
    return stillLeased;
  }

  /** Releases the lease for `pauseMs`; null: until a client asks for work. */
  async release(pauseMs: number | null): Promise<boolean> {
    const { lease, task } = this.#leased;
    if (await retryWhileUnavailable(() => releaseTask(this.#db, lease, task.revision, pauseMs), this.#lost)) {
      return false;
    }
    const latest = await retryWhileUnavailable(() => readTask(this.#db, task.id, lease), this.#lost);
    if (!latest) throw new LeaseLostError(`Task ${task.id} does not exist any more.`);
    this.#leased = { ...this.#leased, task: latest };
    return true;
  }

  /**
   * Retries until the write commits or the lease is lost: side effects that happened must be recorded. If an earlier try
   * committed unheard, the machine refuses the repeat, and we continue from the stored state.
   */
  async #write(write: () => Promise<ChangeResult | null>): Promise<boolean> {
    const changed = await retryWhileUnavailable(write, this.#lost);
    if (!changed) throw new LeaseLostError(`Task ${this.task.id} does not exist any more.`);
    this.#leased = { ...this.#leased, task: changed.task };
    if (changed.outcome !== 'changed') return true;
    const { revision, state } = changed.task;
    const steps = state.steps.map((step) => step.state);
    this.#logger.info({ revision, status: state.status, steps }, 'task changed');
    return !changed.leaseReleased;
  }
}
