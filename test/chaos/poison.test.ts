import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { never } from '../support/scripted-provider.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { long, patienceMs, tell } from './support/seed.ts';

/** Starts workers again when they end, as whatever runs them would. */
async function supervise(on: Installation, count: number): Promise<{ stop(): void; deaths: number }> {
  const supervised = { deaths: 0, stop: () => {} };
  let stopped = false;
  supervised.stop = () => {
    stopped = true;
  };
  const keep = async () => {
    while (!stopped) {
      const worker = on.spawn('worker');
      await worker.exit;
      if (!stopped) supervised.deaths += 1;
    }
  };
  for (let each = 0; each < count; each += 1) void keep();
  return supervised;
}

it.for(long ? [1, 2, 3] : [2])(
  'gives up a task that kills its worker each time, and the others go on (%i workers)',
  { timeout: patienceMs },
  async (count) => {
    await using on = await createInstallation();
    await on.startApi();
    const workers = await supervise(on, count);
    try {
      const poisoned = await on.createTask('https://git.test/acme/poison.git');
      const { key } = await on.task(poisoned);
      on.provider.on(
        'createSandbox',
        ({ call }) => {
          process.kill(call.pid, 'SIGKILL');
          return never();
        },
        { when: (call) => call.key === key },
      );
      // Longer than it takes the poisoned task to come round again.
      on.provider.on(
        'createSandbox',
        async (turn) => {
          await delay(long ? 6_000 : 1_500);
          return turn.effect();
        },
        { when: (call) => call.key !== key },
      );
      const others = await on.createTasks(long ? 6 : 4);
      await on.waitForStatus(poisoned, 'error', 60_000);
      const end = await on.task(poisoned);
      expect(end.state.steps[1]).toMatchObject({ attempt: 5, failures: 5, state: 'failed' });
      expect(end.state.error?.code).toBe('WORKER_LOST');
      for (const id of others) await on.waitForStatus(id, 'running', 60_000);
      const tries = (await on.tasks())
        .filter(({ id }) => id !== poisoned)
        .map(({ state }) => state.steps[1]?.attempt);
      tell('deaths, tries of the others', { deaths: workers.deaths, tries });
      await expectWholeness(on);
    } finally {
      workers.stop();
    }
  },
);
