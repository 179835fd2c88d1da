import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addSession } from '../../../src/tasks/add-session.ts';
import { newId } from '../../../src/tasks/domain/id.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { leasesOf } from '../../../src/tasks/store/task-leases.ts';
import {
  deregisterWorker,
  findSuspectWorkers,
  reclaimFromAllWorkers,
  reclaimFromDeadWorker,
  type SuspectWorker,
  workerLockClass,
} from '../../../src/tasks/store/worker-registry.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { eventsToRunning, started } from '../domain/machine-states.ts';

let tasks: StoredTasks;
/** The session that holds the locks of live workers. */
let holder: Client;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
beforeEach(async () => {
  holder = new Client({ connectionString: tasks.url });
  await holder.connect();
});
afterEach(async () => {
  await holder.end();
  await tasks.sql(
    'truncate worker, task, task_event, session, sandbox, api_token, login, webhook_delivery, graphile_worker._private_jobs cascade',
  );
});
afterAll(() => tasks[Symbol.asyncDispose]());

const lock = (id: string) =>
  holder.query(`select pg_advisory_lock(${workerLockClass}, lock) from worker where id = $1`, [id]);
const setHeartbeat = (id: string, when: string) =>
  tasks.sql(`update worker set heartbeat_at = ${when} where id = ?`, [id]);
const workers = async () =>
  (await tasks.sql<{ id: string }>('select id from worker order by id')).map(({ id }) => id);
const jobsOf = ({ id }: Task) =>
  tasks.sql<{ run_at: string; locked_at: string | null }>(
    'select * from graphile_worker.jobs where key = ?',
    [`provision:${id}`],
  );

/** A worker with a free lock that holds a task whose first step is running. */
async function addDeadWorker(id = 'dead'): Promise<{ suspect: SuspectWorker; task: Task }> {
  await tasks.addWorker(id);
  const { id: taskId } = await tasks.create();
  await tasks.lease(taskId, id);
  const task = await tasks.change(taskId, started('ensure_name'));
  await tasks.sql('delete from graphile_worker._private_jobs cascade');
  const suspect = (await findSuspectWorkers(tasks.db, 'me')).find((each) => each.id === id) as SuspectWorker;
  return { suspect, task };
}

describe('findSuspectWorkers', () => {
  const find = () => findSuspectWorkers(tasks.db, 'me');

  it('returns no worker that has its lock and a recent heartbeat', async () => {
    await tasks.addWorker('alive');
    await lock('alive');
    expect(await find()).toEqual([]);
  });

  it('returns a worker whose lock is free, with what identifies its process', async () => {
    await tasks.addWorker('unlocked');
    await tasks.sql(`update worker set host = 'host', pid = 42, process_start = '7'`);
    expect(await find()).toMatchObject([
      { id: 'unlocked', isLockFree: true, process: { host: 'host', pid: 42, start: '7' } },
    ]);
  });

  it('returns a worker that has its lock and an overdue heartbeat', async () => {
    await tasks.addWorker('silent');
    await lock('silent');
    await setHeartbeat('silent', `now() - interval '6 seconds'`);
    const [suspect] = await find();
    expect(suspect).toMatchObject({ id: 'silent', isLockFree: false, process: null });
    expect(suspect?.heartbeatAgeMs).toBeGreaterThanOrEqual(6_000);
  });

  it('does not return the worker that asks', async () => {
    await tasks.addWorker('me');
    expect(await find()).toEqual([]);
  });

  it('leaves the free locks free', async () => {
    await tasks.addWorker('unlocked');
    await find();
    const { rows } = await holder.query(
      `select pg_try_advisory_lock(${workerLockClass}, lock) as is_free from worker`,
    );
    expect(rows).toEqual([{ is_free: true }]);
  });

  it('tells whether a session and the server are older than the last heartbeat', async () => {
    await tasks.addWorker('recent');
    await tasks.addWorker('old');
    await setHeartbeat('old', `'2000-01-01'`);
    const found = await find();
    expect(found.find(({ id }) => id === 'recent')).toMatchObject({
      hasOlderSession: true,
      hasOlderServer: true,
    });
    expect(found.find(({ id }) => id === 'old')).toMatchObject({
      hasOlderSession: false,
      hasOlderServer: false,
    });
  });
});

describe('reclaimFromDeadWorker', () => {
  it('deletes the worker, and queues its tasks before all that wait', async () => {
    const { suspect, task } = await addDeadWorker();
    expect(await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: false })).toEqual([task.id]);
    expect(await workers()).toEqual([]);
    expect(await leasesOf(tasks.db, 'dead')).toEqual([]);
    expect((await jobsOf(task)).map(({ run_at }) => new Date(run_at).getFullYear())).toEqual([1970]);
  });

  it('leaves the running attempt to the worker that leases the task next', async () => {
    const { suspect, task } = await addDeadWorker();
    await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: false });
    const [row] = await tasks.sql<{ revision: number }>('select revision from task');
    expect(row?.revision).toBe(task.revision);
  });

  it('interrupts a running step without a failure when attempts are kept', async () => {
    const { suspect, task } = await addDeadWorker();
    await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: true });
    const [row] = await tasks.sql<{ state: Task['state'] }>('select state from task');
    expect(stepOf(row?.state as Task['state'], 'ensure_name')).toMatchObject({
      state: 'pending',
      attempt: 1,
      failures: 0,
      error: null,
    });
    expect(await tasks.sql('select kind from task_event order by revision desc limit 1')).toEqual([
      { kind: 'step.interrupted' },
    ]);
    expect(await jobsOf(task)).toHaveLength(1);
  });

  it('interrupts a session that is being opened without a failure when attempts are kept', async () => {
    const created = await tasks.create();
    await tasks.change(created.id, ...eventsToRunning(created));
    const session = await addSession(tasks.view, { taskId: created.id });
    await tasks.addWorker('dead');
    await tasks.lease(created.id, 'dead');
    await tasks.change(created.id, { type: 'sessionStarted', sessionId: session.id, timeoutMs: 0 });
    const [suspect] = await findSuspectWorkers(tasks.db, 'me');
    await reclaimFromDeadWorker(tasks.db, suspect as SuspectWorker, { keepsAttempts: true });
    const [row] = await tasks.sql<{ state: Task['state'] }>('select state from task');
    expect(row?.state.sessions[1]).toMatchObject({ attempt: 1, failures: 0, deadlineAt: null, error: null });
  });

  it.each([
    ['its heartbeat has moved', () => setHeartbeat('dead', 'now()')],
    ['it has taken its lock', () => lock('dead')],
  ])('returns null and changes nothing when %s since', async (_what, comeBack) => {
    const { suspect } = await addDeadWorker();
    await comeBack();
    expect(await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: true })).toBeNull();
    expect(await workers()).toEqual(['dead']);
    expect(await leasesOf(tasks.db, 'dead')).toHaveLength(1);
  });

  it('reclaims once when two workers declare the same worker dead', async () => {
    const { suspect, task } = await addDeadWorker();
    const reclaims = [1, 2].map(() => reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: false }));
    expect((await Promise.all(reclaims)).filter((reclaimed) => reclaimed !== null)).toEqual([[task.id]]);
  });

  it('leaves the tasks of other workers alone', async () => {
    const other = await addDeadWorker('other');
    const { suspect } = await addDeadWorker();
    await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: false });
    expect(await leasesOf(tasks.db, 'other')).toMatchObject([{ taskId: other.task.id }]);
  });

  it('unlocks the jobs of the worker', async () => {
    const { suspect } = await addDeadWorker();
    const poolId = newId('event');
    await tasks.sql(`update worker set pool_ids = array[?]::text[]`, [poolId]);
    const task = await tasks.create();
    await tasks.sql('update graphile_worker._private_jobs set locked_at = now(), locked_by = ?', [poolId]);
    expect((await jobsOf(task))[0]?.locked_at).not.toBeNull();
    await reclaimFromDeadWorker(tasks.db, suspect, { keepsAttempts: false });
    expect((await jobsOf(task))[0]?.locked_at).toBeNull();
  });
});

describe('reclaimFromAllWorkers', () => {
  it('deletes every worker, whatever its lock says, and queues their tasks', async () => {
    const { task } = await addDeadWorker();
    await lock('dead');
    await tasks.addWorker('idle');
    expect(await reclaimFromAllWorkers(tasks.db)).toEqual([task.id]);
    expect(await workers()).toEqual([]);
    expect(await jobsOf(task)).toHaveLength(1);
  });
});

describe('deregisterWorker', () => {
  it('deletes the worker', async () => {
    await tasks.addWorker('stopped');
    await deregisterWorker(tasks.db, 'stopped');
    expect(await workers()).toEqual([]);
  });

  it('keeps a worker that holds a task, so that others can reclaim it', async () => {
    await addDeadWorker('stopped');
    await deregisterWorker(tasks.db, 'stopped');
    expect(await workers()).toEqual(['stopped']);
  });

  it('keeps a worker for which a task is being taken at this moment', async () => {
    await tasks.addWorker('stopped');
    const { id } = await tasks.create();
    await holder.query('begin');
    await holder.query(`select from worker where id = 'stopped' for key share`);
    await holder.query(`update task set leased_by = 'stopped' where id = $1`, [id]);
    const deregistered = deregisterWorker(tasks.db, 'stopped');
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await waitFor(async () => (await tasks.sql(waiting)).length > 0);
    await holder.query('commit');
    await deregistered;
    expect(await workers()).toEqual(['stopped']);
  });
});
