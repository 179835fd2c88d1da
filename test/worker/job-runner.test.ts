import type { Task } from 'graphile-worker';
import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConnectionPool } from '../../src/db/connection-pool.ts';
import { createLogger } from '../../src/log.ts';
import { JobRunner, type JobRunnerOptions } from '../../src/worker/job-runner.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let admin: Pool;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  admin = new Pool({ connectionString: database.url });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  await admin.query('delete from graphile_worker._private_jobs');
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

function createRunner(task: Task, options: Partial<JobRunnerOptions> = {}): JobRunner {
  const pool = new Pool({ connectionString: database.url, application_name: 'runner', max: 5 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const logger = createLogger('silent');
  const runner = new JobRunner({
    pool,
    tasks: { job: task },
    concurrency: 2,
    logger,
    onPool: async () => {},
    ...options,
  });
  cleanUps.push(
    () => pool.end(),
    () => runner.stop(),
  );
  return runner;
}

const addJobs = (count: number, by: Pool = admin) =>
  by.query(`select graphile_worker.add_job('job', json_build_object('n', n)) from generate_series(1, $1) n`, [
    count,
  ]);
const jobs = async (where: string) =>
  (await admin.query(`select from graphile_worker.jobs where ${where}`)).rowCount;

/** Ends the runner's connection that waits for a lock which `statement` takes, once `act` was called. */
async function cutAtLock(statement: string, act: () => void): Promise<void> {
  const locker = await admin.connect();
  await locker.query('begin');
  await locker.query(statement);
  act();
  await waitFor(async () => {
    const { rowCount } = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'runner' and datname = current_database() and wait_event_type = 'Lock'`);
    return rowCount === 1;
  });
  await locker.query('rollback');
  locker.release();
}

describe('JobRunner', () => {
  it('runs every job once', async () => {
    const seen: number[] = [];
    const runner = createRunner(async (payload) => void seen.push((payload as { n: number }).n));
    await addJobs(5);
    await runner.start();
    await waitFor(async () => (await jobs('true')) === 0);
    expect(seen.toSorted()).toEqual([1, 2, 3, 4, 5]);
  });

  it('reads no more of the jobs that wait when these have become many since it began to look', async () => {
    let count = 0;
    const pool = new ConnectionPool({ url: database.url, size: 5 });
    cleanUps.push(async () => pool.close());
    const task = async () => {
      count += 1;
    };
    const runner = createRunner(task, { pool, concurrency: 1 });
    const read = async () => {
      const { rows } = await admin.query(
        `select (seq_tup_read + idx_tup_fetch)::int as jobs from pg_stat_user_tables where relname = '_private_jobs'`,
      );
      return rows[0].jobs as number;
    };
    const before = await read();
    await runner.start();
    // From the sixth look on PostgreSQL keeps its plan.
    await addJobs(20, pool);
    await waitFor(() => count === 20);
    await addJobs(400, pool);
    await waitFor(() => count === 420);
    await runner.stop();
    // A connection counts for others when it ends.
    await pool.end();
    await waitFor(async () => (await read()) > before);
    expect((await read()) - before).toBeLessThan(420 * 20);
  });

  it('runs no more jobs at once than its concurrency', async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    const runner = createRunner(async () => {
      running += 1;
      await gate.promise;
    });
    await addJobs(3);
    await runner.start();
    await waitFor(async () => running === 2 && (await jobs('locked_at is not null')) === 2);
    expect(await jobs('locked_at is null')).toBe(1);
    gate.resolve();
    await waitFor(() => running === 3);
  });

  it('runs no job and does not start before onPool has resolved', async () => {
    const attached = Promise.withResolvers<void>();
    const order: string[] = [];
    const runner = createRunner(async () => void order.push('job'), { onPool: () => attached.promise });
    await addJobs(1);
    const started = runner.start().then(() => order.push('started'));
    await waitFor(async () => (await jobs('locked_at is not null')) === 1);
    order.push('attached');
    attached.resolve();
    await started;
    await waitFor(() => order.includes('job'));
    expect(order[0]).toBe('attached');
  });

  it('reports the id under which it locks its jobs', async () => {
    const poolIds: string[] = [];
    const gate = Promise.withResolvers<void>();
    const runner = createRunner(() => gate.promise, { onPool: async (id) => void poolIds.push(id) });
    await addJobs(1);
    await runner.start();
    await waitFor(async () => (await jobs('locked_at is not null')) === 1);
    const { rows } = await admin.query('select locked_by from graphile_worker.jobs');
    expect(rows.map(({ locked_by }) => locked_by)).toEqual(poolIds);
    gate.resolve();
  });

  it('lets running jobs end when it stops, takes no others, and leaves no job locked', async () => {
    const gate = Promise.withResolvers<void>();
    let finished = 0;
    const runner = createRunner(async () => {
      await gate.promise;
      finished += 1;
    });
    await addJobs(3);
    await runner.start();
    await waitFor(async () => (await jobs('locked_at is not null')) === 2);
    const stopped = runner.stop();
    gate.resolve();
    await stopped;
    expect(finished).toBe(2);
    expect(await jobs('locked_at is not null')).toBe(0);
    expect(await jobs('true')).toBe(1);
  });

  it('stops before it was started', async () => {
    await createRunner(async () => {}).stop();
  });

  it('runs the next jobs after it has lost the connection that writes the result of one', async () => {
    const poolIds: string[] = [];
    const gate = Promise.withResolvers<void>();
    const finished: number[] = [];
    const runner = createRunner(
      async (payload) => {
        await gate.promise;
        finished.push((payload as { n: number }).n);
      },
      { onPool: async (id) => void poolIds.push(id) },
    );
    await addJobs(1);
    await runner.start();
    await waitFor(async () => (await jobs('locked_at is not null')) === 1);

    await cutAtLock('select from graphile_worker._private_jobs for update', () => gate.resolve());

    await waitFor(() => poolIds.length === 2);
    await addJobs(2);
    await waitFor(() => finished.includes(2));
  });

  it('runs jobs after it has lost the connection by which it learns the ids of its tasks', async () => {
    let ran = 0;
    const runner = createRunner(async () => {
      ran += 1;
    });
    await cutAtLock('lock table graphile_worker._private_tasks', () => void runner.start());
    await addJobs(3);
    await waitFor(() => ran === 3);
  });

  it('asks for jobs no more often with many idle slots than with one, and runs all whose time has come', async () => {
    const slots = 60;
    let asked = 0;
    const pool = new Pool({ connectionString: database.url, max: 5 });
    pool.on('connect', (client) => {
      const { query } = client;
      client.query = (...args: unknown[]) => {
        asked += 1;
        return (query as (...args: unknown[]) => never).apply(client, args);
      };
    });
    cleanUps.push(() => pool.end());
    let ran = 0;
    const runner = createRunner(
      async () => {
        ran += 1;
      },
      { pool, concurrency: slots },
    );
    await runner.start();
    await waitFor(() => asked >= slots);
    const addLater = (count: number) =>
      admin.query(
        `select graphile_worker.add_job('job', '{}'::json, run_at => now() + interval '2 seconds')
         from generate_series(1, $1)`,
        [count],
      );
    const [before, began] = [asked, performance.now()];
    await addLater(1);
    await waitFor(() => ran === 1);
    const seconds = (performance.now() - began) / 1_000;
    expect(asked - before).toBeLessThan(10 + 4 * seconds);
    await addLater(slots);
    // One at each look would take thirty seconds.
    await waitFor(() => ran === 1 + slots, 25_000);
  });
});
