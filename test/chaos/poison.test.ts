import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { never } from '../support/scripted-provider.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';

/** Attempts of a step. The short form starts fewer workers than the default would. */
const most = isLong ? 5 : 3;

/** Starts workers again when they end, as a process supervisor does. */
function supervise(app: Installation, count: number): { stop(): void; deaths: number } {
  const supervised = { deaths: 0, stop: () => {} };
  let stopped = false;
  supervised.stop = () => {
    stopped = true;
  };
  const keep = async () => {
    while (!stopped) {
      const worker = app.processes.start('worker');
      await worker.exit;
      if (!stopped) supervised.deaths += 1;
    }
  };
  for (let each = 0; each < count; each += 1) void keep();
  return supervised;
}

it.for(isLong ? [1, 2, 3] : [2])(
  'I7 gives up a task that kills its worker at each attempt, and completes the others (%i workers)',
  { timeout: testTimeout },
  async (count) => {
    await using app = await createInstallation({ settings: { GROUNDCREW_STEP_MAX_ATTEMPTS: String(most) } });
    await app.startApi();
    const workers = supervise(app, count);
    try {
      const poisoned = await app.createTask('https://git.test/acme/poison.git');
      const { key } = await app.task(poisoned);
      app.provider.on(
        'createSandbox',
        ({ call }) => {
          process.kill(call.pid, 'SIGKILL');
          return never();
        },
        { when: (call) => call.key === key },
      );
      // A real wait, longer than the poisoned task needs for its next attempt. Waiting for that attempt instead could last for
      // ever: a worker runs one step at a time of those that may have killed workers.
      app.provider.on(
        'createSandbox',
        async (turn) => {
          await delay(isLong ? 6_000 : 1_500);
          return turn.effect();
        },
        { when: (call) => call.key !== key },
      );
      const others = await app.createTasks(isLong ? 6 : 4);
      await app.waitForStatus(poisoned, 'error', 60_000);
      const end = await app.task(poisoned);
      expect(end.state.steps[1]).toMatchObject({ attempt: most, failures: most, state: 'failed' });
      expect(end.state.error?.code).toBe('WORKER_LOST');
      for (const id of others) await app.waitForStatus(id, 'running', 60_000);
      const attempts = (await app.tasks())
        .filter(({ id }) => id !== poisoned)
        .map(({ state }) => state.steps[1]?.attempt);
      report('deaths, attempts of the others', { deaths: workers.deaths, attempts });
      await expectConsistency(app);
    } finally {
      workers.stop();
    }
  },
);
