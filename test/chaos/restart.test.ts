import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { createOwnCluster } from '../support/own-cluster.ts';
import { isRunning } from '../support/processes.ts';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

const count = isLong ? 500 : 30;
const restarts = isLong ? 15 : 2;

it.concurrent(
  'I14 uses up no attempt while PostgreSQL is away for longer than a worker may hang',
  async () => {
    await using cluster = await createOwnCluster();
    // A single failed attempt ends a task in ERROR.
    const settings = { GROUNDCREW_STEP_MAX_ATTEMPTS: '1' };
    await using app = await createInstallation({ databaseUrl: cluster.url, settings });
    await app.startApi();
    await Promise.all([app.startWorker(), app.startWorker()]);
    const gate = Promise.withResolvers<void>();
    const held = app.provider.on('createSandbox', waitsFor(gate.promise));
    await app.createTasks(10);
    await waitFor(() => held.calls.length === 10);
    await cluster.stop();
    // A real wait: how long it is away is what matters, and a worker without a heartbeat for nine seconds counts as hung.
    await delay(11_000);
    await cluster.start();
    await waitFor(async () => (await fetch(`${app.apiUrl}/readyz`)).status === 200, 5_000);
    // For three seconds after a restart no worker is judged; then each one sees the others' heartbeats.
    await waitFor(async () => {
      const judged = await app.sql(
        `select from worker where heartbeat_at > pg_postmaster_start_time() + interval '5 seconds'`,
      );
      return judged.length === 2;
    });
    gate.resolve();
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);

for (const how of ['stop', 'kill'] as const) {
  const manner = how === 'stop' ? 'a fast shutdown' : 'kill -9 of the postmaster';
  seededTest.concurrent(
    `I14 completes ${count} tasks over ${manner} of PostgreSQL every few seconds`,
    async (random) => {
      await using cluster = await createOwnCluster();
      await using app = await createInstallation({ databaseUrl: cluster.url });
      const api = await app.startApi();
      const workers = await Promise.all([app.startWorker(), app.startWorker()]);
      for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
        app.provider.on(method, async (turn) => {
          await delay(random.between(50, isLong ? 1_500 : 600));
          return turn.effect();
        });
      }
      await app.createTasks(count);
      const ready = async () => (await fetch(`${app.apiUrl}/readyz`)).status;
      expect(await ready()).toBe(200);
      for (let each = 1; each <= restarts; each += 1) {
        await delay(random.between(300, isLong ? 4_000 : 1_500));
        await cluster[how]();
        await waitFor(async () => (await ready()) === 503, 5_000);
        expect((await fetch(`${app.apiUrl}/healthz`)).status).toBe(200);
        await delay(random.between(0, isLong ? 4_000 : 1_000));
        await cluster.start();
        await waitFor(async () => (await ready()) === 200, 5_000);
      }
      const began = performance.now();
      await app.settled(isLong ? 300_000 : 30_000);
      report(
        `${how}: ${count} tasks settled after the last restart`,
        `${Math.round(performance.now() - began)} ms`,
      );
      const failures = await app.sql(
        `select step, error ->> 'code' as code, count(*)::int as count from task_event where kind = 'step.failed' group by 1, 2`,
      );
      report(`${how}: attempts used up`, failures);
      await expectConsistency(app, { statuses: ['running'] });
      expect([api, ...workers].filter(({ pid }) => !isRunning(pid))).toEqual([]);
      expect(failures).toEqual([]);
    },
  );
}
