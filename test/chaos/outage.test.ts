import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testTimeout } from '../support/chaos-form.ts';
import { createOwnCluster, type OwnCluster } from '../support/own-cluster.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

let cluster: OwnCluster;
let app: Installation;
let workers: StartedProcess[];
beforeAll(async () => {
  cluster = await createOwnCluster();
  // One failed attempt would put a task into ERROR.
  const settings = { GROUNDCREW_STEP_MAX_ATTEMPTS: '1' };
  app = await createInstallation({ databaseUrl: cluster.url, settings });
  await app.startApi();
  workers = await Promise.all([app.startWorker(), app.startWorker()]);
}, testTimeout);
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const outages = {
  'kill -9 of the postmaster': async () => {
    await cluster.kill();
    await cluster.start();
  },
  'kill -9 of a backend': () => cluster.crashBackend(),
  'a fast shutdown': async () => {
    await cluster.stop();
    await cluster.start();
  },
} as const satisfies Record<string, () => Promise<void>>;

it.each(Object.entries(outages))(
  'declares no worker dead that gets no processor time after %s of PostgreSQL',
  async (_name, causeOutage) => {
    const attempts = await startAttempts();
    const [starved] = workers as [StartedProcess];
    expect(attempts.pids).toContain(starved.pid);
    starved.kill('SIGSTOP');
    await causeOutage();
    await workerIsBackFor(5);
    starved.kill('SIGCONT');
    attempts.finish();
    await expectNoFailure();
  },
  testTimeout,
);

seededTest(
  'uses up no attempt when PostgreSQL is killed again and again while workers get little processor time',
  async (random) => {
    const attempts = await startAttempts();
    using _starving = starve(workers);
    for (let round = 1; round <= 2; round += 1) {
      await delay(random.between(500, 3_000));
      await outages['kill -9 of the postmaster']();
      await delay(random.between(500, 3_000));
      await outages['kill -9 of a backend']();
    }
    await workerIsBackFor(5);
    attempts.finish();
    await expectNoFailure();
  },
);

/** Fills all slots of both workers with an attempt that lasts until `finish`. */
async function startAttempts(): Promise<{ pids: number[]; finish(): void }> {
  const gate = Promise.withResolvers<void>();
  const { calls } = app.provider.on('createSandbox', waitsFor(gate.promise));
  await app.createTasks(20);
  await waitFor(() => calls.length === 20);
  return { pids: calls.map(({ pid }) => pid), finish: gate.resolve };
}

/** Stops processes most of the time, as a machine does that has ten times as much to do as it can. */
function starve(processes: readonly StartedProcess[]): Disposable {
  let turn = 0;
  const timer = setInterval(() => {
    for (const each of processes) each.kill(turn % 10 === 0 ? 'SIGCONT' : 'SIGSTOP');
    turn += 1;
  }, 20);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      for (const each of processes) each.kill('SIGCONT');
    },
  };
}

/** Resolves once a worker has been back after an outage for so many seconds. */
async function workerIsBackFor(seconds: number): Promise<void> {
  const isBack = async (when: string) =>
    (await app.sql(`select from worker where heartbeat_at > ${when}`)).length > 0;
  const [{ now }] = await waitFor(
    async () => (await app.sql<{ now: string }>('select now()::text')) as [{ now: string }],
    20_000,
  );
  const end = `'${now}'::timestamptz + interval '${seconds} seconds'`;
  await waitFor(() => isBack(end), 30_000, 'a worker is back');
}

async function expectNoFailure(): Promise<void> {
  await expectConsistency(app, { statuses: ['running'] });
  expect(await app.sql(`select step, error from task_event where kind = 'step.failed'`)).toEqual([]);
  expect(app.logged(/declared (a worker )?dead/)).toEqual([]);
}
