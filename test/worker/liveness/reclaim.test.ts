import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/log.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { startTimeOf } from '../../../src/process-identity.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { leasesOf } from '../../../src/tasks/store/task-leases.ts';
import { findTask } from '../../../src/tasks/store/view/task-queries.ts';
import { type WorkerProcess, workerLockClass } from '../../../src/tasks/store/worker-registry.ts';
import { ClockWatch } from '../../../src/worker/liveness/clock-watch.ts';
import { ownProcess } from '../../../src/worker/liveness/host-process.ts';
import { reclaimDeadWorkers, reclaimKilledWorkers } from '../../../src/worker/liveness/reclaim.ts';
import { ownTime } from '../../support/own-time.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { started } from '../../tasks/domain/machine-states.ts';

let tasks: StoredTasks;
const record = { logger: createLogger('silent'), metrics: new Metrics() };
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterEach(() =>
  tasks.sql(
    'truncate worker, task, task_event, session, sandbox, api_token, login, webhook_delivery, graphile_worker._private_jobs cascade',
  ),
);
afterAll(() => tasks[Symbol.asyncDispose]());

/** A worker with a free lock, and a task whose first step it runs. */
async function addWorker(
  options: { process?: WorkerProcess | null; heartbeat?: string } = {},
): Promise<Task> {
  const { process = null, heartbeat = 'now()' } = options;
  await tasks.addWorker('other');
  const { id } = await tasks.create();
  await tasks.lease(id, 'other');
  const task = await tasks.change(id, started('ensure_name'));
  await tasks.sql(`update worker set host = ?, pid = ?, process_start = ?, heartbeat_at = ${heartbeat}`, [
    process?.host ?? null,
    process?.pid ?? null,
    process?.start ?? null,
  ]);
  return task;
}

const holdsTask = async () => (await leasesOf(tasks.db, 'other')).length === 1;
const reclaimAtStart = () => reclaimKilledWorkers(tasks.db, 'me', record, new AbortController().signal);
/** How long it took, in milliseconds. */
async function durationOf(work: () => Promise<void>): Promise<number> {
  const began = ownTime.now();
  await work();
  return ownTime.now() - began;
}

async function killedProcess(): Promise<WorkerProcess> {
  const child = spawn('sleep', ['60']);
  const pid = child.pid as number;
  const start = await waitFor(() => startTimeOf(pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
  return { ...((await ownProcess()) as WorkerProcess), pid, start };
}

describe('reclaimKilledWorkers', () => {
  it.runIf(process.platform === 'linux')(
    'reclaims at once from a process of this host that has ended',
    async () => {
      await addWorker({ process: await killedProcess() });
      expect(await durationOf(reclaimAtStart)).toBeLessThan(1_000);
      expect(await holdsTask()).toBe(false);
    },
  );

  it.runIf(process.platform === 'linux')(
    'does not wait for a process of this host that is alive',
    async () => {
      await addWorker({ process: await ownProcess() });
      expect(await durationOf(reclaimAtStart)).toBeLessThan(1_000);
      expect(await holdsTask()).toBe(true);
    },
  );

  it('waits until a process that cannot be seen has had a free lock for a second', async () => {
    await addWorker();
    // By the machine's time: a second is a second, however little of it this process had. The statement before took some.
    const began = performance.now();
    await reclaimAtStart();
    expect(performance.now() - began).toBeGreaterThan(600);
    expect(await holdsTask()).toBe(false);
  });

  it('does not wait for a worker that has its lock', async () => {
    await addWorker({ heartbeat: `now() - interval '20 seconds'` });
    const holder = new Client({ connectionString: tasks.url });
    await holder.connect();
    await holder.query(`select pg_advisory_lock(${workerLockClass}, lock) from worker`);
    expect(await durationOf(reclaimAtStart)).toBeLessThan(1_000);
    expect(await holdsTask()).toBe(true);
    await holder.end();
  });

  it('starts without a verdict on a worker that has not come back after an outage', async () => {
    await addWorker({ heartbeat: `'2000-01-01'` });
    await reclaimAtStart();
    expect(await holdsTask()).toBe(true);
  });
});

describe('reclaimDeadWorkers', () => {
  const heartbeat = {
    workerId: 'me',
    stableForMs: 60_000,
    connectionWasLost: true,
    clockWatch: new ClockWatch(),
  };
  const stepAfter = async ({ id }: Task) =>
    stepOf(((await findTask(tasks.view, id)) as Task).state, 'ensure_name');

  it('leaves the running attempt of a killed worker to be failed by the next one', async () => {
    const task = await addWorker({ heartbeat: `now() - interval '1100 milliseconds'` });
    // Until a session is old enough to show that the database was available all the time.
    await waitFor(async () => {
      await tasks.sql(`update worker set heartbeat_at = now() - interval '1100 milliseconds'`);
      await reclaimDeadWorkers(tasks.db, heartbeat, record);
      return !(await holdsTask());
    });
    expect(await stepAfter(task)).toMatchObject({ state: 'running', attempt: 1 });
  });

  it('uses up no attempt of a worker that has not come back after an outage', async () => {
    const task = await addWorker({ heartbeat: `'2000-01-01'` });
    await reclaimDeadWorkers(tasks.db, heartbeat, record);
    expect(await holdsTask()).toBe(false);
    expect(await stepAfter(task)).toMatchObject({ state: 'pending', attempt: 1, failures: 0 });
  });

  it('does not take a clock of the database that was set ahead for silence', async () => {
    await addWorker({ heartbeat: `now() - interval '1 minute'` });
    const clockWatch = new ClockWatch();
    const now = ownTime.now();
    // A moment ago it was a minute earlier.
    clockWatch.read({ databaseMs: Date.now() - 60_000, askedAt: now, answeredAt: now });
    await reclaimDeadWorkers(tasks.db, { ...heartbeat, clockWatch }, record);
    expect(await holdsTask()).toBe(true);
    await reclaimDeadWorkers(tasks.db, heartbeat, record);
    expect(await holdsTask()).toBe(false);
  });

  it('waits for such a worker until this one has been back for seven seconds', async () => {
    await addWorker({ heartbeat: `'2000-01-01'` });
    await reclaimDeadWorkers(tasks.db, { ...heartbeat, stableForMs: 6_900 }, record);
    expect(await holdsTask()).toBe(true);
  });
});
