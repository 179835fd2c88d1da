import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { drawnTest, long, patienceMs, tell } from './support/seed.ts';

const names = [
  // More often than the others: each loss in a transaction may cost a place in the pool.
  ...Array.from({ length: 5 }, () => ['groundcrew', 'groundcrew jobs'] as const).flat(),
  'groundcrew worker',
  'groundcrew listen',
] as const;

drawnTest('loses connections of every kind under running tasks, and no task', async (lots) => {
  await using on = await createInstallation({ env: { GROUNDCREW_RETRY_BASE_MS: '500' } });
  const api = await on.startApi();
  const workers = await Promise.all([on.startWorker(), on.startWorker()]);
  for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
    on.provider.on(method, async (turn) => {
      await delay(lots.between(0, 150));
      return turn.effect();
    });
  }
  const cut: Record<string, number> = {};
  const rounds = long ? 20 : 5;
  let began = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    await on.createTasks(long ? 20 : 6);
    for (const name of names) {
      await delay(lots.between(0, 120));
      const [row] = await on.sql<{ count: number }>(
        `select count(pg_terminate_backend(pid))::int as count from pg_stat_activity
         where application_name = $1 and datname = current_database()`,
        [name],
      );
      cut[name] = (cut[name] ?? 0) + (row?.count ?? 0);
      if (name === 'groundcrew') continue;
      // One that was just cut has to be back before it can be cut again.
      await waitFor(
        async () =>
          (
            await on.sql(
              'select from pg_stat_activity where application_name = $1 and datname = current_database()',
              [name],
            )
          ).length > 0,
      );
    }
  }
  const tasks = rounds * (long ? 20 : 6);
  tell('connections cut', cut);
  began = performance.now();
  await on.settled(30_000);
  tell(`${tasks} tasks settled after the last cut`, `${Math.round(performance.now() - began)} ms`);
  await expectWholeness(on, { statuses: ['running'] });
  expect([api, ...workers].filter(({ pid }) => !isAlive(pid))).toEqual([]);
  // The connection to the database is no part of a step: its loss costs no try.
  const failures = await on.sql(
    `select step, error ->> 'code' as code, count(*)::int as count from task_event where kind = 'step.failed' group by 1, 2`,
  );
  tell('tries used up', failures);
  expect(failures).toEqual([]);
});

/** Backends that wait for a lock which the test holds. */
async function waiting(on: Installation, name: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  await waitFor(async () => {
    const rows = await on.sql<{ pid: number }>(
      `select pid from pg_stat_activity
       where application_name = $1 and datname = current_database() and wait_event_type = 'Lock'`,
      [name],
    );
    pids = rows.map(({ pid }) => pid);
    return pids.length >= count;
  });
  return pids;
}

it.concurrent(
  'has room for queries after all its transactions were cut off at once',
  async () => {
    await using on = await createInstallation({ env: { GROUNDCREW_CONCURRENCY: '30' } });
    await on.startApi();
    const repoUrl = 'https://git.test/acme/crowded.git';
    const first = await on.createTask(repoUrl);
    await on.startWorker();
    await on.waitForStatus(first, 'running');
    const [task] = await on.sql<{ project_id: string }>('select project_id from task where id = $1', [first]);
    const client = await on.pool.connect();
    try {
      // Names are settled in transactions that wait for each other, project by project.
      await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [
        `settle-name ${task?.project_id}`,
      ]);
      for (let each = 0; each < 15; each += 1) await on.createTask(repoUrl);
      for (let round = 0; round < 2; round += 1) {
        const pids = await waiting(on, 'groundcrew', 8);
        await on.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
      }
    } finally {
      await client.query('select pg_advisory_unlock_all()').finally(() => client.release());
    }
    await expectWholeness(on, { statuses: ['running'], settledMs: 20_000 });
  },
  patienceMs,
);

it.concurrent(
  'takes jobs again after one could not be completed',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    await on.startWorker();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    on.provider.on('createSession', waitsFor(gates[1].promise), { times: 3 });
    on.provider.on('createSession', waitsFor(gates[0].promise), { times: 1 });
    const first = await on.createTask();
    await on.provider.waitForCall('createSession');
    for (let each = 0; each < 3; each += 1) await on.createTask();
    await on.provider.waitForCall('createSession', { nth: 4 });
    const client = await on.pool.connect();
    try {
      await client.query('begin');
      await client.query('select from graphile_worker._private_jobs where key = $1 for update', [
        `provision:${first}`,
      ]);
      gates[0].resolve();
      const pids = await waiting(on, 'groundcrew jobs', 1);
      await on.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
    } finally {
      await client.query('rollback').finally(() => client.release());
    }
    // The runner must not wait for what still runs, nor for ever.
    const later = await on.createTask();
    await on.waitForStatus(later, 'running', 15_000);
    gates[1].resolve();
    await on.settled();
    await on.waitForStatus(await on.createTask(), 'running', 15_000);
    await expectWholeness(on, { statuses: ['running'] });
  },
  patienceMs,
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
