import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../../src/tasks/domain/id.ts';
import { LeaseLostError } from '../../../src/tasks/domain/lease.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { acquireSweepTurn } from '../../../src/tasks/store/sweep-turns.ts';
import {
  freeOrphanedLease,
  leasesOf,
  leaseTask,
  releaseTask,
  requeueOverdueTasks,
  requeueTasks,
  revokeLeases,
  WorkerDeclaredDeadError,
} from '../../../src/tasks/store/task-leases.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { eventsToRunning, started } from '../domain/machine-states.ts';

let tasks: StoredTasks;
let workers = 0;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

async function newWorker(): Promise<string> {
  const id = `worker ${++workers}`;
  await tasks.addWorker(id);
  return id;
}

interface Job {
  readonly key: string;
  readonly run_at: string;
  readonly locked_at: string | null;
}
const jobsOf = ({ id }: Task) =>
  tasks.sql<Job>('select * from graphile_worker.jobs where key = ?', [`provision:${id}`]);
const endJobs = () => tasks.sql('delete from graphile_worker._private_jobs');

describe('I9 leaseTask', () => {
  it('gives the task to one of many workers', async () => {
    const task = await tasks.create();
    const ids = await Promise.all(Array.from({ length: 10 }, newWorker));
    const taken = await Promise.all(ids.map((id) => leaseTask(tasks.db, task.id, id)));
    expect(taken.filter((each) => each !== null)).toMatchObject([
      { lease: { taskId: task.id, epoch: 1 }, task, endpoint: null, sandboxMetadata: null },
    ]);
  });

  it('gives the task again to the worker that holds it, under a new epoch', async () => {
    const task = await tasks.create();
    const worker = await newWorker();
    const first = await tasks.lease(task.id, worker);
    expect(await tasks.lease(task.id, worker)).toEqual({ taskId: task.id, epoch: 2 });
    const late = changeTask(tasks.db, task.id, { event: started('ensure_name'), lease: first });
    await expect(late).rejects.toThrow(LeaseLostError);
  });

  it('throws for a worker that was declared dead', async () => {
    const task = await tasks.create();
    const taken = leaseTask(tasks.db, task.id, 'never registered');
    await expect(taken).rejects.toThrow(WorkerDeclaredDeadError);
    expect(await leasesOf(tasks.db, 'never registered')).toEqual([]);
  });

  it('returns null for a task that needs no work or does not exist', async () => {
    const worker = await newWorker();
    const running = await tasks.create();
    await tasks.change(running.id, ...eventsToRunning(running));
    const canceled = await tasks.create();
    await tasks.change(canceled.id, { type: 'taskCanceled' });
    for (const id of [running.id, canceled.id, newId('task')]) {
      expect(await leaseTask(tasks.db, id, worker)).toBeNull();
    }
  });

  it('returns what earlier steps left for later ones', async () => {
    const task = await tasks.create();
    const lease = await tasks.lease(task.id, await newWorker());
    const endpoint = { baseUrl: 'http://127.0.0.1:1', token: 't' };
    const provisions = { endpoint, sandboxMetadata: { a: [1, null] } };
    await changeTask(tasks.db, task.id, { event: started('ensure_name'), lease, workerData: provisions });
    await revokeLeases(tasks.db, `worker ${workers}`);
    const taken = await leaseTask(tasks.db, task.id, await newWorker());
    expect(taken).toMatchObject(provisions);
  });
});

describe('releaseTask', () => {
  it('schedules a job for when there is something to do', async () => {
    const task = await tasks.create();
    await endJobs();
    const lease = await tasks.lease(task.id, await newWorker());
    expect(await releaseTask(tasks.db, lease, 1, 60_000)).toBe(true);
    expect(
      await tasks.sql(
        `select wake_at = (select run_at::timestamptz(3) from graphile_worker.jobs) as same,
      wake_at - now() between interval '50 seconds' and interval '60 seconds' as soon from task where id = ?`,
        [task.id],
      ),
    ).toEqual([{ same: true, soon: true }]);
    expect(await leasesOf(tasks.db, `worker ${workers}`)).toEqual([]);
  });

  it('schedules no job when nothing is to be done', async () => {
    const task = await tasks.create();
    await endJobs();
    const lease = await tasks.lease(task.id, await newWorker());
    expect(await releaseTask(tasks.db, lease, 1, null)).toBe(true);
    expect(await jobsOf(task)).toEqual([]);
  });

  it('returns false when the task has changed or the lease is lost', async () => {
    const task = await tasks.create();
    const worker = await newWorker();
    const lease = await tasks.lease(task.id, worker);
    await tasks.change(task.id, { type: 'sessionAdded', sessionId: newId('session'), agent: 'a' });
    expect(await releaseTask(tasks.db, lease, 1, null)).toBe(false);
    expect(await leasesOf(tasks.db, worker)).toEqual([lease]);
    await revokeLeases(tasks.db, worker);
    expect(await releaseTask(tasks.db, lease, 2, null)).toBe(false);
  });
});

describe('I9 reclaiming', () => {
  it('frees all tasks of a dead worker and fences off its writes', async () => {
    const [lost, other] = [await newWorker(), await newWorker()];
    const made = [await tasks.create(), await tasks.create()];
    const kept = await tasks.create();
    const leases = [];
    for (const { id } of made) leases.push(await tasks.lease(id, lost));
    const keptLease = await tasks.lease(kept.id, other);
    await endJobs();
    const taken = await revokeLeases(tasks.db, lost);
    expect(taken).toHaveLength(2);
    await requeueTasks(tasks.db, taken);
    for (const [index, task] of made.entries()) {
      expect(await jobsOf(task)).toHaveLength(1);
      const late = changeTask(tasks.db, task.id, {
        event: started('ensure_name'),
        lease: leases[index] as never,
      });
      await expect(late).rejects.toThrow(LeaseLostError);
      expect(await leaseTask(tasks.db, task.id, other)).toMatchObject({ lease: { epoch: 3 } });
    }
    expect(await jobsOf(kept)).toEqual([]);
    expect(await leasesOf(tasks.db, other)).toContainEqual(keptLease);
    expect(await revokeLeases(tasks.db, lost)).toEqual([]);
  });

  it("frees one orphaned lease and keeps the worker's others", async () => {
    const worker = await newWorker();
    const [first, second] = [await tasks.create(), await tasks.create()];
    const old = await tasks.lease(first.id, worker);
    const kept = await tasks.lease(second.id, worker);
    const newer = await tasks.lease(first.id, worker);
    await freeOrphanedLease(tasks.db, worker, old);
    expect(await leasesOf(tasks.db, worker)).toHaveLength(2);
    await freeOrphanedLease(tasks.db, worker, newer);
    expect(await leasesOf(tasks.db, worker)).toEqual([kept]);
  });
});

it('reclaiming and requeueing return the tasks that they changed', async () => {
  const worker = await newWorker();
  const task = await tasks.create();
  await tasks.lease(task.id, worker);
  expect(await revokeLeases(tasks.db, worker)).toEqual([task.id]);
  await endJobs();
  await tasks.sql(`update task set wake_at = now() - interval '1 minute' where id = ?`, [task.id]);
  expect(await requeueOverdueTasks(tasks.db)).toContain(task.id);
});

describe('I3 requeueOverdueTasks', () => {
  const overdue = (task: Task) =>
    tasks.sql(`update task set wake_at = now() - interval '1 minute' where id = ?`, [task.id]);

  it('queues a due task that has no job', async () => {
    const task = await tasks.create();
    await endJobs();
    await overdue(task);
    expect(await requeueOverdueTasks(tasks.db)).not.toEqual([]);
    expect(await jobsOf(task)).toHaveLength(1);
    expect(await requeueOverdueTasks(tasks.db)).toEqual([]);
  });

  it('queues a task whose job has no attempt left', async () => {
    const task = await tasks.create();
    await overdue(task);
    await tasks.sql(`update graphile_worker._private_jobs set attempts = max_attempts where key = ?`, [
      `provision:${task.id}`,
    ]);
    await requeueOverdueTasks(tasks.db);
    const alive = await tasks.sql(
      'select from graphile_worker.jobs where key = ? and attempts < max_attempts',
      [`provision:${task.id}`],
    );
    expect(alive).toHaveLength(1);
  });

  it('queues a task whose wake-up and job were stored before the clock of the database was set back', async () => {
    const task = await tasks.create();
    await tasks.sql(`update task set wake_at = now() + interval '1 hour' where id = ?`, [task.id]);
    await tasks.sql(
      `update graphile_worker._private_jobs set run_at = now() + interval '1 hour' where key = ?`,
      [`provision:${task.id}`],
    );
    expect(await requeueOverdueTasks(tasks.db)).toContain(task.id);
    const due = await tasks.sql('select from graphile_worker.jobs where key = ? and run_at <= now()', [
      `provision:${task.id}`,
    ]);
    expect(due).toHaveLength(1);
  });

  it('leaves a task alone that is held, not due or at rest', async () => {
    const held = await tasks.create();
    await overdue(held);
    await tasks.lease(held.id, await newWorker());
    const fresh = await tasks.create();
    const running = await tasks.create();
    await tasks.change(running.id, ...eventsToRunning(running));
    await endJobs();
    await requeueOverdueTasks(tasks.db);
    for (const task of [held, fresh, running]) expect(await jobsOf(task)).toEqual([]);
  });
});

describe('acquireSweepTurn', () => {
  it('gives the turn when the last one lies ahead, because the clock was set back', async () => {
    expect(await acquireSweepTurn(tasks.db, 'ahead', 60_000)).toBe(true);
    await tasks.sql(`update sweep set swept_at = now() + interval '1 hour' where name = 'ahead'`);
    expect(await acquireSweepTurn(tasks.db, 'ahead', 60_000)).toBe(true);
    expect(await acquireSweepTurn(tasks.db, 'ahead', 60_000)).toBe(false);
  });

  it('gives the turn to one of many workers, and again only after the interval', async () => {
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => acquireSweepTurn(tasks.db, 'x', 60_000)),
    );
    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await acquireSweepTurn(tasks.db, 'x', 60_000)).toBe(false);
    expect(await acquireSweepTurn(tasks.db, 'x', 0)).toBe(true);
    expect(await acquireSweepTurn(tasks.db, 'y', 60_000)).toBe(true);
  });
});
