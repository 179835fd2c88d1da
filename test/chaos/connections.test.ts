import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import type { ApiProcess } from '../support/groundcrew-processes.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

const names = [
  // More often than the others: each loss in a transaction might take a connection out of the pool for ever.
  ...Array<'groundcrew'>(10).fill('groundcrew'),
  'groundcrew worker',
  'groundcrew listen',
] as const;

/** Of all tests: a start costs more than a test. The first has two workers, the others one. */
let app: Installation;
let api: ApiProcess;
let workers: StartedProcess[];

beforeAll(async () => {
  app = await createInstallation({
    settings: { GROUNDCREW_RETRY_BASE_MS: '500', GROUNDCREW_CONCURRENCY: '30' },
  });
  api = await app.startApi();
  workers = await Promise.all([app.startWorker(), app.startWorker()]);
}, testTimeout);
afterEach(() => app.provider.reset());
afterAll(() => app[Symbol.asyncDispose]());

async function keepOneWorker(): Promise<void> {
  for (const worker of workers.splice(1)) {
    worker.kill();
    await worker.exit;
  }
}

seededTest(
  'I14 completes every task at its first attempts while connections of every kind are cut',
  async (random) => {
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      app.provider.on(method, async (turn) => {
        await delay(random.between(0, 150));
        return turn.effect();
      });
    }
    const cut: Record<string, number> = {};
    const rounds = isLong ? 20 : 2;
    let began = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      await app.createTasks(isLong ? 20 : 6);
      for (const name of names) {
        await delay(random.between(0, 120));
        const [row] = await app.sql<{ count: number }>(
          `select count(pg_terminate_backend(pid))::int as count from pg_stat_activity
         where application_name = $1 and datname = current_database()`,
          [name],
        );
        cut[name] = (cut[name] ?? 0) + (row?.count ?? 0);
        if (name === 'groundcrew') continue;
        // A connection must be back before it can be cut again.
        await waitFor(
          async () =>
            (
              await app.sql(
                'select from pg_stat_activity where application_name = $1 and datname = current_database()',
                [name],
              )
            ).length > 0,
        );
      }
    }
    const tasks = rounds * (isLong ? 20 : 6);
    report('connections cut', cut);
    began = performance.now();
    await app.settled(30_000);
    report(`${tasks} tasks settled after the last cut`, `${Math.round(performance.now() - began)} ms`);
    await expectConsistency(app, { statuses: ['running'] });
    expect([api, ...workers].filter(({ pid }) => !isRunning(pid))).toEqual([]);
    // The connection to the database is no part of a step: its loss uses up no attempt.
    const failures = await app.sql(
      `select step, error ->> 'code' as code, count(*)::int as count from task_event where kind = 'step.failed' group by 1, 2`,
    );
    report('attempts used up', failures);
    expect(failures).toEqual([]);
  },
);

/** Backends that wait for a lock which the test holds. */
async function waiting(app: Installation, name: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  await waitFor(async () => {
    const rows = await app.sql<{ pid: number }>(
      `select pid from pg_stat_activity
       where application_name = $1 and datname = current_database() and wait_event_type = 'Lock'`,
      [name],
    );
    pids = rows.map(({ pid }) => pid);
    return pids.length >= count;
  });
  return pids;
}

it(
  'I14 has connections for queries after all its transactions were cut at once',
  async () => {
    await keepOneWorker();
    const gate = Promise.withResolvers<void>();
    const held = app.provider.on('createSandbox', waitsFor(gate.promise), { times: 15 });
    const tasks: string[] = [];
    for (let each = 0; each < 15; each += 1) tasks.push(await app.createTask());
    await waitFor(() => held.calls.length === tasks.length);
    const client = await app.pool.connect();
    try {
      // A change whose task is locked waits in a statement of its own.
      await client.query('begin');
      await client.query('select from task where id = any($1) for update', [tasks]);
      gate.resolve();
      for (let round = 0; round < 2; round += 1) {
        const pids = await waiting(app, 'groundcrew', 8);
        await app.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
      }
    } finally {
      await client.query('rollback').finally(() => client.release());
    }
    await expectConsistency(app, { statuses: ['running'], settledMs: 20_000 });
  },
  testTimeout,
);

it(
  'I14 chooses names after the statement in which they wait was cut',
  async () => {
    await keepOneWorker();
    const repoUrl = 'https://git.test/acme/crowded.git';
    const first = await app.createTask(repoUrl);
    await app.waitForStatus(first, 'running');
    const [task] = await app.sql<{ project_id: string }>('select project_id from task where id = $1', [
      first,
    ]);
    const client = await app.pool.connect();
    try {
      await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [
        `settle-name ${task?.project_id}`,
      ]);
      for (let each = 0; each < 5; each += 1) await app.createTask(repoUrl);
      for (let round = 0; round < 2; round += 1) {
        const pids = await waiting(app, 'groundcrew', 1);
        await app.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
      }
    } finally {
      await client.query('select pg_advisory_unlock_all()').finally(() => client.release());
    }
    await expectConsistency(app, { statuses: ['running'], settledMs: 20_000 });
  },
  testTimeout,
);

it(
  'I14 takes jobs again after the result of one could not be written',
  async () => {
    await keepOneWorker();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const others = app.provider.on('createSession', waitsFor(gates[1].promise), { times: 3 });
    const held = app.provider.on('createSession', waitsFor(gates[0].promise), { times: 1 });
    const first = await app.createTask();
    await waitFor(() => held.calls.length === 1);
    for (let each = 0; each < 3; each += 1) await app.createTask();
    await waitFor(() => others.calls.length === 3);
    const client = await app.pool.connect();
    try {
      await client.query('begin');
      await client.query('select from graphile_worker._private_jobs where key = $1 for update', [
        `provision:${first}`,
      ]);
      gates[0].resolve();
      const pids = await waiting(app, 'groundcrew', 1);
      await app.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
    } finally {
      await client.query('rollback').finally(() => client.release());
    }
    // The runner must take jobs while others still run.
    const later = await app.createTask();
    await app.waitForStatus(later, 'running', 15_000);
    gates[1].resolve();
    await app.settled();
    await app.waitForStatus(await app.createTask(), 'running', 15_000);
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);
