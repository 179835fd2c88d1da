import { BatchQueue } from '../../db/batch-queue.ts';
import type { Database } from '../../tables/database.ts';
import { type LeasedTask, readFreeTasks } from './task-leases.ts';
import type { TaskWrite, Written } from './task-write.ts';
import { writeTask, writeUnlockedTasks } from './write-task.ts';

/** What one statement takes is bounded, so that none waits long for one that runs. */
const maxInStatement = 100;

/**
 * The changes of one worker process, and its reads of tasks that it is to lease: those that arrive while a statement is under way
 * share the next one. What a statement of changes has left out, because it lost or because its row is locked, is tried by a statement
 * of its own, which alone waits for locks of tasks. Names of branches are chosen by one worker at a time in a project: changes that need
 * one go together into statements of their own, so that all others go on beside one that waits.
 */
export class TaskWrites {
  readonly #db: Database;
  readonly #reads: BatchQueue<string, LeasedTask | null>;
  readonly #writes: BatchQueue<TaskWrite, Written | null>;
  readonly #names: BatchQueue<TaskWrite, Written | null>;

  /** `onRun` is called with the number of changes of each statement. */
  constructor(db: Database, onRun?: (count: number) => void) {
    this.#db = db;
    const max = maxInStatement;
    this.#reads = new BatchQueue({ max, run: (ids) => readFreeTasks(db, ids) });
    const run = (writes: readonly TaskWrite[]) => writeUnlockedTasks(db, writes);
    this.#writes = new BatchQueue({ max, run, onRun });
    this.#names = new BatchQueue({ max, run, onRun });
  }

  /** As `readFreeTasks`. */
  readFree(taskId: string): Promise<LeasedTask | null> {
    return this.#reads.add(taskId);
  }

  /** As `writeTask`, for a change by the worker that holds the task, or takes it. */
  async write(write: TaskWrite): Promise<Written | null> {
    const queue = write.change.branchCandidates ? this.#names : this.#writes;
    return (await queue.add(write)) ?? (await writeTask(this.#db, write));
  }
}
