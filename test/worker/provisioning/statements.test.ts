import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startWorkerHarness, type WorkerHarness } from '../worker-harness.ts';

let harness: WorkerHarness;
/** The same database on connections of its own. */
let outside: StoredTasks;
beforeAll(async () => {
  harness = await startWorkerHarness();
  outside = await StoredTasks.connect(harness.stored.url);
});
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
});

/** The statements of the worker from now on, by the loans of connections on which they run. */
function recordStatements(): string[][] {
  const { pool } = harness.stored.db;
  const loans: string[][] = [];
  const loanOf = new WeakMap<PoolClient, string[]>();
  pool.on('acquire', (client) => {
    const loan: string[] = [];
    loans.push(loan);
    const isRecorded = loanOf.has(client);
    loanOf.set(client, loan);
    if (isRecorded) return;
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      loanOf.get(client)?.push(JSON.stringify(args));
      return query(...args);
    }) as typeof client.query;
  });
  return loans;
}

const statusOf = async (id: string) =>
  (await outside.sql<{ status: string }>('select status from task where id = ?', [id]))[0]?.status;

it('a single task is provisioned with six statements, five of which write, in addition to those of its job', async () => {
  const loans = recordStatements();
  const { id } = await outside.create({ repoUrl: harness.repository.path });
  await waitFor(async () => (await statusOf(id)) === 'running');
  await harness.stopWorker();
  const ofTask = loans.filter((loan) => loan.some((each) => each.includes(id))).flat();
  expect(ofTask.map((each) => each.slice(0, 200))).toHaveLength(6);
  expect(ofTask.filter((each) => each.includes('update task set'))).toHaveLength(5);
});

it('of two tasks that one listing of their repository serves, the later one is named with its lease, one statement less', async () => {
  const changesOf = async (id: string) => {
    const xids = 'select distinct xid from task_event where task_id = ? and revision > 1';
    return (await outside.sql(xids, [id])).length;
  };
  // Again where the machine was so slow that the second one came too late, and had a listing of its own.
  await waitFor(async () => {
    const repoUrl = harness.repository.path;
    const tasks = [await outside.create({ repoUrl }), await outside.create({ repoUrl })];
    const [, { createdAt }] = tasks as [Task, Task];
    // A listing is for tasks that are older than it by more than clocks differ.
    await waitFor(() => Date.now() > Date.parse(createdAt) + 100);
    await harness.startWorker({ GROUNDCREW_CONCURRENCY: '1' });
    const histories: Task[][] = [];
    for (const { id } of tasks) {
      await harness.until(id, 'running');
      histories.push(await harness.history(id));
    }
    await harness.stopWorker();
    const [first, second] = histories.map((history) => history.map(({ state }) => state.status));
    expect(second).toEqual(first);
    for (const { state } of histories.flat()) {
      expect(state.branchName === null).toBe(
        ['init_enqueue_provision', 'init_ensure_name'].includes(state.status) &&
          state.steps[0].state !== 'succeeded',
      );
    }
    expect(new Set(histories.map((history) => history.at(-1)?.state.branchName)).size).toBe(2);
    const changes = await Promise.all(tasks.map(({ id }) => changesOf(id)));
    return changes.toSorted().join() === '4,5';
  });
});
