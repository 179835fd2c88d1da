import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { createOrm } from '../../src/db/orm.ts';
import { createTask, type Offer } from '../../src/tasks/create-task.ts';
import type { CreateTaskInput } from '../../src/tasks/input.ts';
import { takeTask } from '../../src/tasks/lease.ts';
import type { MachineEvent } from '../../src/tasks/machine.ts';
import { ownersWorkspace, type Workspace } from '../../src/tasks/read.ts';
import type { StepName } from '../../src/tasks/status.ts';
import { changeTask, type Lease } from '../../src/tasks/store.ts';
import type { Task } from '../../src/tasks/task.ts';
import { createTestDatabase } from '../support/database.ts';
import { started, succeeded } from './machine-states.ts';

/** Tasks in a database of the test's own, with no server and no worker. */
export interface StoredTasks extends AsyncDisposable {
  readonly url: string;
  readonly orm: MikroORM;
  readonly workspace: Workspace;
  readonly offer: Offer;
  em(): EntityManager;
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
  const orm = await createOrm(database.url, { poolSize: 20 });
  const em = () => orm.em.fork() as EntityManager;
  const workspace = await ownersWorkspace(em());
  const offer: Offer = { providers: ['local', 'other'], defaultAgent: 'demo', allowLocalRepos: true };
  const stored: StoredTasks = {
    url: database.url,
    orm,
    workspace,
    offer,
    em,
    sql: (text, params = []) => em().execute(text, params, 'all') as Promise<never>,
    create: (input = {}) =>
      createTask(em(), workspace.id, offer, { repoUrl, prompt: 'Fix the tests', ...input }),
    async change(taskId, ...events) {
      let task: Task | undefined;
      for (const event of events) {
        const changed = await changeTask(em(), taskId, { event });
        if (changed?.outcome !== 'changed') throw new Error(`${event.type}: ${changed?.outcome}`);
        task = changed.task;
      }
      return task as Task;
    },
    async addWorker(id) {
      await stored.sql(`insert into worker (id, pool_ids) values (?, '{}')`, [id]);
    },
    async lease(taskId, workerId) {
      const leased = await takeTask(em(), taskId, workerId);
      if (!leased) throw new Error(`${workerId} cannot take ${taskId}`);
      return leased.lease;
    },
    async [Symbol.asyncDispose]() {
      await orm.close(true);
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
