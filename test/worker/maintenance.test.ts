import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { createTaskToken } from '../../src/tasks/tokens.ts';
import { JobRunner } from '../../src/worker/job-runner.ts';
import {
  type MaintenanceDependencies,
  maintenanceCron,
  runDeleteClosedTasks,
  runDeleteExpiredRecords,
} from '../../src/worker/maintenance.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';

let stored: StoredTasks;
let pool: Pool;
const logger = createLogger('silent');
beforeAll(async () => {
  stored = await StoredTasks.create();
  pool = new Pool({ connectionString: stored.url });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
});
beforeEach(() =>
  stored.sql(
    'truncate task, task_event, session, sandbox, api_token, login, webhook_delivery, idempotency_key, graphile_worker._private_jobs cascade',
  ),
);
afterAll(async () => {
  await pool.end();
  await stored[Symbol.asyncDispose]();
});

const countOf = async (from: string) => (await stored.sql(`select from ${from}`)).length;
const dependencies = (options: Partial<MaintenanceDependencies> = {}): MaintenanceDependencies => ({
  db: stored.db,
  pool,
  logger,
  retentionDays: 7,
  draining: new AbortController().signal,
  ...options,
});

describe('maintenanceCron', () => {
  it('plans no deletion of closed tasks without a retention', () => {
    expect(maintenanceCron(undefined).map(({ task }) => task)).toEqual(['deleteExpiredRecords']);
    expect(maintenanceCron(7).map(({ task }) => task)).toEqual(['deleteExpiredRecords', 'deleteClosedTasks']);
  });

  it('runs each missed job once when two workers start', async () => {
    await stored.sql(
      `insert into graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
       select name, now() - interval '9 days', now() - interval '2 days'
       from unnest(array['deleteExpiredRecords', 'deleteClosedTasks', 'everyMinute']) name`,
    );
    const ran: string[] = [];
    const createRunner = () =>
      new JobRunner({
        pool,
        tasks: {
          deleteExpiredRecords: async () => void ran.push('deleteExpiredRecords'),
          deleteClosedTasks: async () => void ran.push('deleteClosedTasks'),
          everyMinute: async () => {},
        },
        // The last one shows that a runner has caught up: missed jobs are added in the order of their times.
        cronItems: [
          ...maintenanceCron(7),
          { task: 'everyMinute', match: '* * * * *', options: { backfillPeriod: 120_000 } },
        ],
        concurrency: 1,
        logger,
        onPool: async () => {},
      });
    const runners = [createRunner(), createRunner()];
    for (const runner of runners) {
      const [{ minute }] = (await stored.sql<{ minute: string }>(
        `select date_trunc('minute', now()) as minute`,
      )) as [{ minute: string }];
      await runner.start();
      await waitFor(
        async () =>
          (await countOf(
            `graphile_worker._private_known_crontabs where identifier = 'everyMinute' and last_execution >= '${minute}'`,
          )) === 1,
      );
    }
    await waitFor(async () => (await countOf('graphile_worker._private_jobs cascade')) === 0);
    await Promise.all(runners.map((runner) => runner.stop()));
    expect(ran.toSorted()).toEqual(['deleteClosedTasks', 'deleteExpiredRecords']);
  });
});

describe('runDeleteClosedTasks', () => {
  const addClosedTasks = (count: number) =>
    stored.sql(
      `insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, revision, status, state,
         created_at, updated_at)
       select 'closed ' || n, workspace_id, project_id, repo_url, prompt, provider, agent, 1, 'archived', state,
         now() - interval '8 days', now() - interval '8 days'
       from task, generate_series(1, ?) n`,
      [count],
    );

  it('deletes more closed tasks than one batch holds', async () => {
    const kept = await stored.create();
    await addClosedTasks(250);
    await runDeleteClosedTasks(dependencies());
    expect(await stored.sql('select id from task')).toEqual([{ id: kept.id }]);
  });

  it.each([
    ['no retention is set', { retentionDays: undefined }],
    ['the worker is stopping', { draining: AbortSignal.abort() }],
  ])('deletes nothing when %s', async (_when, options) => {
    await stored.create();
    await addClosedTasks(1);
    await runDeleteClosedTasks(dependencies(options));
    expect(await countOf('task')).toBe(2);
  });
});

describe('runDeleteExpiredRecords', () => {
  it('deletes expired idempotency keys', async () => {
    for (const idempotencyKey of ['old', 'new']) await stored.create({ idempotencyKey });
    await stored.sql(`update idempotency_key set created_at = now() - interval '3 days' where key = 'old'`);
    await runDeleteExpiredRecords(dependencies());
    expect(await stored.sql('select key from idempotency_key')).toEqual([{ key: 'new' }]);
  });

  it('deletes task tokens that expired a month ago, and windows of points that ended', async () => {
    const { id } = await stored.create();
    const made = await Promise.all([1, 2].map(() => createTaskToken(stored.view, { taskId: id })));
    const [old, recent] = made.map(({ apiToken }) => apiToken.id);
    const expire = (token: string | undefined, ago: string) =>
      stored.sql('update api_token set expires_at = now() - ?::interval where id = ?', [ago, token]);
    await expire(old, '31 days');
    await expire(recent, '29 days');
    await stored.sql(
      `insert into rate_limit values ('old', 1, now() - interval '2 hours'), ('new', 1, now())`,
    );
    await runDeleteExpiredRecords(dependencies());
    expect(await stored.sql('select id from api_token')).toEqual([{ id: recent }]);
    expect(await stored.sql('select key from rate_limit')).toEqual([{ key: 'new' }]);
  });

  it('deletes logins that expired a month ago', async () => {
    await stored.sql(
      `insert into login (id, workspace_id, hash, expires_at)
       select logins.name, workspace.id, decode(hash, 'hex'), now() - ago::interval
       from workspace, (values ('old', '01', '31 days'), ('new', '02', '29 days')) logins (name, hash, ago)`,
    );
    await runDeleteExpiredRecords(dependencies());
    expect(await stored.sql('select id from login')).toEqual([{ id: 'new' }]);
  });

  it('deletes jobs that have failed for good, and no others', async () => {
    const failed = await stored.create();
    const waiting = await stored.create();
    await stored.sql(`update graphile_worker._private_jobs set attempts = max_attempts where key = ?`, [
      `provision:${failed.id}`,
    ]);
    await runDeleteExpiredRecords(dependencies());
    expect(await stored.sql('select key from graphile_worker.jobs')).toEqual([
      { key: `provision:${waiting.id}` },
    ]);
  });
});
