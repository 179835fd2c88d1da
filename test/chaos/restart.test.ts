import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import type { ApiProcess } from '../support/groundcrew-processes.ts';
import { createOwnCluster, type OwnCluster } from '../support/own-cluster.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

const count = isLong ? 500 : 20;
const restarts = isLong ? 15 : 1;
/** Of each worker. */
const slots = isLong ? 10 : 3;

/** Of all tests: a start costs more than most of what they do. */
let cluster: OwnCluster;
let app: Installation;
let api: ApiProcess;
let workers: StartedProcess[];
beforeAll(async () => {
  cluster = await createOwnCluster();
  // One failed attempt would put a task into ERROR.
  const settings = { GROUNDCREW_STEP_MAX_ATTEMPTS: '1', GROUNDCREW_CONCURRENCY: String(slots) };
  app = await createInstallation({ databaseUrl: cluster.url, settings });
  api = await app.startApi();
  workers = await Promise.all([app.startWorker(), app.startWorker()]);
}, testTimeout);
afterEach(() => app.provider.reset());
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

it(
  'I14 uses up no attempt while PostgreSQL is away for longer than a worker may hang',
  async () => {
    const attempts = await startAttempts();
    await cluster.stop();
    // A real wait: how long it is away is what matters, and a worker without a heartbeat for nine seconds counts as hung.
    await delay(11_000);
    await cluster.start();
    await waitFor(async () => (await ready()) === 200, 5_000);
    // For three seconds after a restart no worker is judged; then each one sees the others' heartbeats.
    await waitFor(async () => {
      const judged = await app.sql(
        `select from worker where heartbeat_at > pg_postmaster_start_time() + interval '5 seconds'`,
      );
      return judged.length === 2;
    });
    attempts.finish();
    await expectNoFailure();
  },
  testTimeout,
);

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

seededTest(
  `I14 completes ${count} tasks over a fast shutdown and kill -9 of PostgreSQL every few seconds`,
  async (random) => {
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      app.provider.on(method, async (turn) => {
        await delay(random.between(50, isLong ? 1_500 : 600));
        return turn.effect();
      });
    }
    await app.createTasks(count);
    expect(await ready()).toBe(200);
    for (let each = 1; each <= restarts; each += 1) {
      for (const how of ['stop', 'kill'] as const) {
        await delay(random.between(300, isLong ? 4_000 : 1_500));
        await cluster[how]();
        await waitFor(async () => (await ready()) === 503, 5_000);
        expect((await fetch(`${app.apiUrl}/healthz`)).status).toBe(200);
        await delay(random.between(0, isLong ? 4_000 : 1_000));
        await cluster.start();
        await waitFor(async () => (await ready()) === 200, 5_000);
      }
    }
    const began = performance.now();
    await app.settled(isLong ? 300_000 : 30_000);
    report(`${count} tasks settled after the last restart`, `${Math.round(performance.now() - began)} ms`);
    await expectNoFailure();
    expect([api, ...workers].filter(({ pid }) => !isRunning(pid))).toEqual([]);
  },
);

/** Fills all slots of both workers with an attempt that lasts until `finish`. */
async function startAttempts(): Promise<{ pids: number[]; finish(): void }> {
  const gate = Promise.withResolvers<void>();
  const { calls } = app.provider.on('createSandbox', waitsFor(gate.promise));
  await app.createTasks(2 * slots);
  await waitFor(() => calls.length === 2 * slots);
  return { pids: calls.map(({ pid }) => pid), finish: gate.resolve };
}

const ready = async () => (await fetch(`${app.apiUrl}/readyz`)).status;

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
