import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { hangs, type Method, never, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { drawnTest, long, patienceMs, tell, worst } from './support/seed.ts';

const heardMs = 1_000;
const goneMs = 10_000;
const goneIgnoredMs = 60_000;
const methods = ['createSandbox', 'ensureAgent', 'createSession'] as const satisfies Method[];

it.concurrent(
  'is heard in every step within a second, and leaves no sandbox',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    await on.startWorker();
    const heard: number[] = [];
    for (const method of methods) {
      // The effect is there already, the answer is not.
      const rule = on.provider.on(method, async (turn) => {
        turn.effect();
        return never();
      });
      const id = await on.createTask();
      const call = await on.provider.waitForCall(method, { key: (await on.task(id)).key });
      const at = performance.now();
      expect(await on.cancelTask(id)).toBe('CANCELED');
      await call.aborted;
      heard.push(performance.now() - at);
      await waitFor(() => !on.provider.sandboxes.has(call.sandboxKey), goneMs);
      rule.remove();
    }
    const looks = Promise.withResolvers<void>();
    on.repositories.onLook(async () => {
      looks.resolve();
      await never();
    });
    const id = await on.createTask('https://git.test/held/cancel.git');
    await looks.promise;
    await on.cancelTask(id);
    tell('cancel to the signal', worst(heard));
    expect(Math.max(...heard)).toBeLessThan(heardMs);
    await expectWholeness(on, { statuses: ['canceled'] });
  },
  patienceMs,
);

it.concurrent(
  'leaves no sandbox when the provider takes no notice of its signal',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    await on.startWorker();
    const gate = Promise.withResolvers<void>();
    on.provider.on('createSandbox', waitsFor(gate.promise), { ignoresSignal: true });
    const id = await on.createTask();
    const call = await on.provider.waitForCall('createSandbox');
    await on.cancelTask(id);
    await call.aborted;
    // Its release finds nothing to remove; the sandbox comes into being after that.
    await on.provider.waitForCall('destroySandbox');
    await delay(500);
    gate.resolve();
    const at = performance.now();
    await waitFor(() => on.provider.timesMade('sandbox', call.key) === 1);
    await waitFor(() => on.provider.sandboxes.size === 0, goneIgnoredMs);
    tell('a sandbox that came after its release, gone', `${Math.round(performance.now() - at)} ms`);
    await expectWholeness(on, { statuses: ['canceled'] });
  },
  patienceMs,
);

it.concurrent(
  'leaves no sandbox when the worker that held the task is dead',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    const gone: number[] = [];
    for (const order of ['kill first', 'cancel first'] as const) {
      for (const effect of long ? [true, false] : [order === 'kill first']) {
        const worker = await on.startWorker();
        const rule = on.provider.on(
          'createSandbox',
          (turn) => {
            if (effect) turn.effect();
            return never();
          },
          { ignoresSignal: true, when: ({ pid }) => pid === worker.pid },
        );
        const id = await on.createTask();
        const { key } = await on.task(id);
        await on.provider.waitForCall('createSandbox', { key });
        if (order === 'kill first') worker.kill('SIGKILL');
        await on.cancelTask(id);
        const at = performance.now();
        worker.kill('SIGKILL');
        await worker.exit;
        const next = await on.startWorker();
        await on.provider.waitForCall('destroySandbox', { key, timeoutMs: goneMs });
        await waitFor(() => !on.provider.sandboxes.has(key), goneMs);
        gone.push(performance.now() - at);
        rule.remove();
        next.kill();
        await next.exit;
      }
    }
    tell('cancel of a dead worker’s task to its sandbox being gone', worst(gone));
    await on.startWorker();
    await expectWholeness(on, { statuses: ['canceled'] });
  },
  patienceMs,
);

drawnTest.concurrent('wins or loses cleanly against the completion of a step', async (lots) => {
  await using on = await createInstallation({ env: { GROUNDCREW_CONCURRENCY: '20' } });
  await on.startApi();
  await Promise.all([on.startWorker(), on.startWorker()]);
  for (const method of methods) {
    on.provider.on(method, async (turn) => {
      await delay(lots.between(0, 5));
      const answer = turn.effect();
      await delay(lots.between(0, 5));
      return answer;
    });
  }
  const outcomes: string[] = [];
  const one = async () => {
    const id = await on.createTask();
    await delay(lots.between(0, 120));
    // Twice at once: both say the same.
    const answers = await Promise.all([on.cancelTask(id), on.cancelTask(id)]);
    expect(answers).toEqual(['CANCELED', 'CANCELED']);
    outcomes.push((await on.task(id)).status);
  };
  for (let round = 0; round < (long ? 60 : 4); round += 1) {
    await Promise.all(Array.from({ length: 8 }, one));
  }
  expect(new Set(outcomes)).toEqual(new Set(['canceled']));
  // What a canceled step had begun may have come into being after the release: the sweep takes it.
  await expectWholeness(on, { statuses: ['canceled'], mayBeMadeAgain: true, sandboxesGoneMs: goneIgnoredMs });
  await expectOneEnd(on);
});

async function expectOneEnd(on: Installation): Promise<void> {
  const after = await on.sql(
    `select c.task_id, e.kind, e.revision from task_event c join task_event e
       on e.task_id = c.task_id and e.revision > c.revision and e.kind <> 'sandbox.released'
     where c.kind = 'task.canceled'`,
  );
  expect(after).toEqual([]);
}

it.runIf(long)(
  'is heard by a hanging provider while the wake-ups are cut off',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    await on.startWorker();
    on.provider.on('createSandbox', hangs());
    const id = await on.createTask();
    const call = await on.provider.waitForCall('createSandbox');
    await on.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'groundcrew listen' and datname = current_database()`,
    );
    const at = performance.now();
    await on.cancelTask(id);
    await call.aborted;
    expect(performance.now() - at).toBeLessThan(heardMs);
    await expectWholeness(on, { statuses: ['canceled'] });
  },
  patienceMs,
);
