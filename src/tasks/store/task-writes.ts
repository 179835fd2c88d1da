import { BatchQueue } from '../../db/batch-queue.ts';
import type { Database } from '../../tables/database.ts';
import { type LeasedTask, readFreeTasks } from './task-leases.ts';
import type { TaskWrite, Written } from './task-write.ts';
import { writeNames, writeTask, writeUnlockedTasks } from './write-task.ts';

/** What one statement takes is bounded, so that none waits long for one that runs. */
const maxInStatement = 100;

/**
 * The changes of one worker process, and its reads of tasks that it is to lease: those that arrive while a statement is under way
 * share the next one. What a statement of changes has left out, because it lost or because its row is locked, is tried by a statement
 * of its own, which alone waits for locks of tasks; a change that takes a task is not.
 *
 * Names of branches are chosen by one transaction at a time in a project. Changes that need one in a project in which another worker
 * is choosing wait together in statements of their own: nothing else waits with them.
 */
export class TaskWrites {
  readonly #db: Database;
  readonly #onRun: ((count: number) => void) | undefined;
  readonly #reads: BatchQueue<string, LeasedTask | null>;
  readonly #writes: Changes;
  /** By projects whose names other transactions were found to be choosing; as long as a change waits for it. */
  readonly #waitingNames = new Map<string, { readonly changes: Changes; count: number }>();

  /** `onRun` is called with the number of changes of each statement. */
  constructor(db: Database, onRun?: (count: number) => void) {
    this.#db = db;
    this.#onRun = onRun;
    this.#reads = new BatchQueue({ max: maxInStatement, run: (ids) => readFreeTasks(db, ids) });
    this.#writes = this.#changes(writeUnlockedTasks);
  }

  /** As `readFreeTasks`. */
  readFree(taskId: string): Promise<LeasedTask | null> {
    return this.#reads.add(taskId);
  }

  /** As `writeTask`, for a change by the worker that holds the task. */
  async write(write: TaskWrite): Promise<Written | null> {
    return (
      (await this.writeUnlocked(write)) ??
      (write.change.branchCandidates ? await this.#waitForName(write) : null) ??
      (await writeTask(this.#db, write))
    );
  }

  /**
   * As `writeUnlockedTasks`, for a change that takes the task: while it waited for a lock, it would keep others from the row of its
   * worker, or from the names of the project.
   */
  async writeUnlocked(write: TaskWrite): Promise<Written | null> {
    const hasToWait = write.change.branchCandidates && this.#waitingNames.has(write.from.project.id);
    return hasToWait ? null : this.#writes.add(write);
  }

  async #waitForName(write: TaskWrite): Promise<Written | null> {
    const project = write.from.project.id;
    const waiting = this.#waitingNames.get(project) ?? { changes: this.#changes(writeNames), count: 0 };
    this.#waitingNames.set(project, waiting);
    waiting.count += 1;
    try {
      return await waiting.changes.add(write);
    } finally {
      waiting.count -= 1;
      if (waiting.count === 0) this.#waitingNames.delete(project);
    }
  }

  #changes(run: typeof writeUnlockedTasks): Changes {
    return new BatchQueue({
      max: maxInStatement,
      run: (writes) => run(this.#db, writes),
      onRun: this.#onRun,
    });
  }
}

type Changes = BatchQueue<TaskWrite, Written | null>;
