import { BatchQueue } from '../../db/batch-queue.ts';
import type { Database } from '../../tables/database.ts';
import { type LeasedTask, type LeaseRequest, leaseTask, leaseUnlockedTasks } from './task-leases.ts';
import type { TaskWrite, Written } from './task-write.ts';
import { writeNames, writeTask, writeUnlockedTasks } from './write-task.ts';

/** What one statement takes is bounded, so that none waits long for one that runs. */
const maxInStatement = 100;

/**
 * The leases and changes of one worker process: those that arrive while a statement is under way share the next one. What such a
 * statement has left out, because it lost or because its row is locked, is tried by a statement of its own, which alone
 * waits for locks of tasks. Names of branches are chosen by one worker at a time in a project: those that had to be left out for that
 * go together into a statement that waits, beside which all other changes go on.
 */
export class TaskWrites {
  readonly #db: Database;
  readonly #leases: BatchQueue<LeaseRequest, LeasedTask | null>;
  readonly #writes: BatchQueue<TaskWrite, Written | null>;
  readonly #names: BatchQueue<TaskWrite, Written | null>;

  /** `onRun` is called with the number of leases or changes of each statement. */
  constructor(db: Database, onRun?: (count: number) => void) {
    this.#db = db;
    const max = maxInStatement;
    this.#leases = new BatchQueue({ max, run: (requests) => leaseUnlockedTasks(db, requests), onRun });
    this.#writes = new BatchQueue({ max, run: (writes) => writeUnlockedTasks(db, writes), onRun });
    this.#names = new BatchQueue({ max, run: (writes) => writeNames(db, writes), onRun });
  }

  /** As `leaseTask`. */
  async lease(taskId: string, workerId: string): Promise<LeasedTask | null> {
    return (await this.#leases.add({ taskId, workerId })) ?? (await leaseTask(this.#db, taskId, workerId));
  }

  /** As `writeTask`, for a change by the worker that holds the task. */
  async write(write: TaskWrite): Promise<Written | null> {
    const written = await this.#writes.add(write);
    if (written) return written;
    const named = write.change.branchCandidates ? await this.#names.add(write) : null;
    return named ?? (await writeTask(this.#db, write));
  }
}
