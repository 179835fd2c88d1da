import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { createOwnCluster } from './support/own-cluster.ts';
import { drawnTest, long, patienceMs, tell } from './support/seed.ts';

const count = long ? 500 : 30;
const restarts = long ? 15 : 2;

it.concurrent(
  'costs no task a try that PostgreSQL is away for longer than a worker may hang',
  async () => {
    await using cluster = await createOwnCluster();
    // One failure would be the end.
    const env = { GROUNDCREW_STEP_MAX_ATTEMPTS: '1' };
    await using on = await createInstallation({ databaseUrl: cluster.url, env });
    await on.startApi();
    await Promise.all([on.startWorker(), on.startWorker()]);
    const gate = Promise.withResolvers<void>();
    const held = on.provider.on('createSandbox', waitsFor(gate.promise));
    await on.createTasks(10);
    await waitFor(() => held.calls.length === 10);
    await cluster.stop();
    await delay(11_000);
    await cluster.start();
    await waitFor(async () => (await fetch(`${on.apiUrl}/readyz`)).status === 200, 5_000);
    await delay(2_000);
    gate.resolve();
    await expectWholeness(on, { statuses: ['running'] });
  },
  patienceMs,
);

for (const how of ['stop', 'kill'] as const) {
  const manner = how === 'stop' ? 'a fast shutdown' : 'kill -9 of the postmaster';
  drawnTest.concurrent(
    `outlives ${manner} of PostgreSQL every few seconds under ${count} tasks`,
    async (lots) => {
      await using cluster = await createOwnCluster();
      await using on = await createInstallation({ databaseUrl: cluster.url });
      const api = await on.startApi();
      const workers = await Promise.all([on.startWorker(), on.startWorker()]);
      for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
        on.provider.on(method, async (turn) => {
          await delay(lots.between(50, long ? 1_500 : 600));
          return turn.effect();
        });
      }
      await on.createTasks(count);
      const ready = async () => (await fetch(`${on.apiUrl}/readyz`)).status;
      expect(await ready()).toBe(200);
      for (let each = 1; each <= restarts; each += 1) {
        await delay(lots.between(300, long ? 4_000 : 1_500));
        await cluster[how]();
        await waitFor(async () => (await ready()) === 503, 5_000);
        expect((await fetch(`${on.apiUrl}/healthz`)).status).toBe(200);
        await delay(lots.between(0, long ? 4_000 : 1_000));
        await cluster.start();
        await waitFor(async () => (await ready()) === 200, 5_000);
      }
      const began = performance.now();
      await on.settled(long ? 300_000 : 30_000);
      tell(
        `${how}: ${count} tasks settled after the last restart`,
        `${Math.round(performance.now() - began)} ms`,
      );
      const failures = await on.sql(
        `select step, error ->> 'code' as code, count(*)::int as count from task_event where kind = 'step.failed' group by 1, 2`,
      );
      tell(`${how}: tries used up`, failures);
      await expectWholeness(on, { statuses: ['running'] });
      const alive = [api, ...workers].filter(({ pid }) => process.kill(pid, 0));
      expect(alive).toHaveLength(3);
      expect(failures).toEqual([]);
    },
  );
}
