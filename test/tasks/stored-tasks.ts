import { type Database, openDatabase } from '../../src/tables/database.ts';
import { createTask, type TaskDefaults } from '../../src/tasks/create-task.ts';
import type { Lease } from '../../src/tasks/domain/lease.ts';
import type { StepName } from '../../src/tasks/domain/status.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { MachineEvent } from '../../src/tasks/domain/task-machine.ts';
import type { CreateTaskInput } from '../../src/tasks/input.ts';
import { changeTask } from '../../src/tasks/store/change-task.ts';
import { leaseTask } from '../../src/tasks/store/task-leases.ts';
import { ownersWorkspace, type Workspace } from '../../src/tasks/store/task-queries.ts';
import { createTestDatabase } from '../support/database.ts';
import { started, succeeded } from './domain/machine-states.ts';

/** Tasks in a database of the test's own, with no server and no worker. */
export interface StoredTasks extends AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  readonly workspace: Workspace;
  readonly offer: TaskDefaults;
  sql<T = Record<string, unknown>>(text: string, params?: unknown[]): Promise<T[]>;
  create(input?: Partial<CreateTaskInput>): Promise<Task>;
  /** Lets events happen to the task; each has to be accepted. */
  change(taskId: string, ...events: MachineEvent[]): Promise<Task>;
  /** Registers a worker that shows no more signs of life than this one. */
  addWorker(id: string): Promise<void>;
  lease(taskId: string, workerId: string): Promise<Lease>;
}

export const repoUrl = 'https://example.com/o/r';

export async function openTasks(): Promise<StoredTasks> {
  const database = await createTestDatabase();
  const db = await openDatabase(database.url, { poolSize: 20 });
  const workspace = await ownersWorkspace(db);
  const offer: TaskDefaults = { providers: ['local', 'other'], defaultAgent: 'demo', allowLocalRepos: true };
  const stored: StoredTasks = {
    url: database.url,
    db,
    workspace,
    offer,
    sql: (text, params = []) => db.em().execute(text, params, 'all') as Promise<never>,
    create: (input = {}) =>
      createTask(db, workspace.id, offer, { repoUrl, prompt: 'Fix the tests', ...input }),
    async change(taskId, ...events) {
      let task: Task | undefined;
      for (const event of events) {
        const changed = await changeTask(db, taskId, { event });
        if (changed?.outcome !== 'changed') throw new Error(`${event.type}: ${changed?.outcome}`);
        task = changed.task;
      }
      return task as Task;
    },
    async addWorker(id) {
      await stored.sql(`insert into worker (id, pool_ids) values (?, '{}')`, [id]);
    },
    async lease(taskId, workerId) {
      const leased = await leaseTask(db, taskId, workerId);
      if (!leased) throw new Error(`${workerId} cannot take ${taskId}`);
      return leased.lease;
    },
    async [Symbol.asyncDispose]() {
      await db.close();
      await database.drop();
    },
  };
  return stored;
}

/** The events of a task's way to RUNNING. */
export function eventsToRunning(task: Task): MachineEvent[] {
  const at = new Date().toISOString();
  const steps: StepName[] = ['ensure_name', 'create_sandbox', 'ensure_agent'];
  return [
    ...steps.flatMap((step) => [started(step), succeeded[step]]),
    started('create_session'),
    { type: 'sessionOpened', at, sessionId: task.state.sessions[0].id },
    { type: 'provisioned', at },
  ];
}
