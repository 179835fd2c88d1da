import { type Database, openDatabase } from '../../src/tables/database.ts';
import { TaskCreator, type TaskDefaults } from '../../src/tasks/create-task.ts';
import { newId } from '../../src/tasks/domain/id.ts';
import type { Lease } from '../../src/tasks/domain/lease.ts';
import type { NewMachineEvent } from '../../src/tasks/domain/machine-event.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { currentStep } from '../../src/tasks/domain/task-state.ts';
import type { Viewer, Workspace } from '../../src/tasks/domain/viewer.ts';
import type { CreateTaskInput } from '../../src/tasks/input.ts';
import { changeTask, readTask } from '../../src/tasks/store/change-task.ts';
import { leaseTask } from '../../src/tasks/store/task-leases.ts';
import { View } from '../../src/tasks/store/view/view.ts';
import { ownersViewer } from '../../src/tasks/store/workspaces.ts';
import { createTestDatabase } from './database.ts';

export const repoUrl = 'https://example.com/o/r';

/** The tasks of a database, with no server and no worker: the test writes as both of them do. */
export class StoredTasks implements AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  /** The owner. */
  readonly viewer: Viewer;
  readonly workspace: Workspace;
  /** What the owner sees. */
  readonly view: View;
  readonly taskDefaults: TaskDefaults = {
    providers: ['local', 'other'],
    defaultAgent: 'demo',
    allowLocalRepos: true,
  };
  readonly creator: TaskCreator;
  readonly #drop: () => Promise<void>;

  private constructor(url: string, db: Database, viewer: Viewer, drop: () => Promise<void>) {
    this.url = url;
    this.db = db;
    this.viewer = viewer;
    this.workspace = viewer.workspace;
    this.view = new View(db, viewer);
    this.creator = new TaskCreator(db, this.taskDefaults);
    this.#drop = drop;
  }

  /** A new database, which is dropped when this is disposed of. */
  static async create(): Promise<StoredTasks> {
    const database = await createTestDatabase();
    return StoredTasks.#open(database.url, () => database.drop());
  }

  /** A migrated database that the test has already. */
  static connect(url: string): Promise<StoredTasks> {
    return StoredTasks.#open(url, async () => {});
  }

  static async #open(url: string, drop: () => Promise<void>): Promise<StoredTasks> {
    const db = await openDatabase(url, { poolSize: 20 });
    return new StoredTasks(url, db, await ownersViewer(db), drop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.close();
    await this.#drop();
  }

  sql<T = Record<string, unknown>>(text: string, params: unknown[] = []): Promise<T[]> {
    return this.db.em().execute(text, params, 'all') as Promise<never>;
  }

  create(input: Partial<CreateTaskInput> = {}, workspaceId = this.workspace.id): Promise<Task> {
    return this.creator.create(this.viewOf(workspaceId), { repoUrl, prompt: 'Fix the tests', ...input });
  }

  /** What an owner of this workspace would see. */
  viewOf(workspaceId: string): View {
    return new View(this.db, { ...this.viewer, workspace: { id: workspaceId, name: 'Other' } });
  }

  /** Returns the id of a workspace that is not the owner's. */
  async createWorkspace(): Promise<string> {
    const id = newId('workspace');
    await this.sql(`insert into workspace (id, name) values (?, 'Other')`, [id]);
    return id;
  }

  /** Applies these events to the task; each must be accepted. */
  async change(taskId: string, ...events: NewMachineEvent[]): Promise<Task> {
    let task: Task | undefined;
    for (const event of events) {
      const changed = await changeTask(this.db, taskId, { event });
      if (changed?.outcome !== 'changed') throw new Error(`${event.type}: ${changed?.outcome}`);
      task = changed.task;
    }
    return task as Task;
  }

  /** Writes one more revision: the first step starts, or is interrupted. Several callers may revise a task at once. */
  async revise(taskId: string): Promise<Task> {
    for (;;) {
      const task = await this.#read(taskId);
      const event: NewMachineEvent =
        currentStep(task.state)?.state === 'running'
          ? { type: 'stepInterrupted', step: 'ensure_name' }
          : { type: 'stepStarted', step: 'ensure_name', timeoutMs: 0 };
      const changed = await changeTask(this.db, taskId, { event }, task);
      // Refused when another caller has revised the task first.
      if (changed?.outcome === 'changed') return changed.task;
    }
  }

  async reviseTimes(taskId: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.revise(taskId);
  }

  async revisionOf(taskId: string): Promise<number> {
    return (await this.#read(taskId)).revision;
  }

  /** The status at each revision, from the first. */
  async statusHistory(taskId: string): Promise<string[]> {
    const rows = await this.sql<{ status: string }>(
      'select status from task_event where task_id = ? order by revision',
      [taskId],
    );
    return rows.map(({ status }) => status);
  }

  /** Registers a worker, whose heartbeat is of now and does not go on. */
  async addWorker(id: string): Promise<void> {
    await this.sql(`insert into worker (id, pool_ids) values (?, '{}')`, [id]);
  }

  async lease(taskId: string, workerId: string): Promise<Lease> {
    const leased = await leaseTask(this.db, taskId, workerId);
    if (!leased) throw new Error(`${workerId} cannot lease ${taskId}`);
    return leased.lease;
  }

  /** Makes the task look leased, so that no worker takes it. */
  async keepFromWorkers(taskId: string): Promise<void> {
    await this.sql(`update task set leased_by = 'the test' where id = ?`, [taskId]);
  }

  async #read(taskId: string): Promise<Task> {
    return (await readTask(this.db, taskId)) as Task;
  }
}
