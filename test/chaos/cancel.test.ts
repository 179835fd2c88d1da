import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, summarize, testTimeout } from '../support/chaos-form.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { hangs, type Method, never, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

const heardMs = 1_000;
const goneMs = 10_000;
const goneIgnoredMs = 60_000;
const methods = ['createSandbox', 'ensureAgent', 'createSession'] as const satisfies Method[];

/** Of all tests, which go on with the workers that the one before has left: a start costs more than most of what they do. */
let app: Installation;
let workers: StartedProcess[] = [];

beforeAll(async () => {
  app = await createInstallation({ settings: { GROUNDCREW_CONCURRENCY: '20' } });
  await app.startApi();
}, testTimeout);
afterEach(() => {
  app.provider.reset();
  app.repositories.onLook(async () => {});
});
afterAll(() => app[Symbol.asyncDispose]());

/** Has at least so many workers run. */
async function runWorkers(count: number): Promise<void> {
  workers = workers.filter(({ pid }) => isRunning(pid));
  while (workers.length < count) workers.push(await app.startWorker());
}

it(
  'I11 aborts the call of a canceled task within a second in every step, and leaves no sandbox',
  async () => {
    await runWorkers(1);
    const heard: number[] = [];
    for (const method of methods) {
      // The sandbox, agent or session exists already, but the worker has no answer.
      const rule = app.provider.on(method, async (turn) => {
        turn.effect();
        return never();
      });
      const id = await app.createTask();
      const call = await app.provider.waitForCall(method, { key: (await app.task(id)).key });
      const at = app.now();
      expect(await app.cancelTask(id)).toBe('CANCELED');
      await call.aborted;
      heard.push(app.now() - at);
      await waitFor(() => !app.provider.sandboxes.has(call.sandboxKey), goneMs);
      rule.remove();
    }
    const looks = Promise.withResolvers<void>();
    app.repositories.onLook(async () => {
      looks.resolve();
      await never();
    });
    const id = await app.createTask('https://git.test/held/cancel.git');
    await looks.promise;
    await app.cancelTask(id);
    report('cancel to the signal', summarize(heard));
    expect(Math.max(...heard)).toBeLessThan(heardMs);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it(
  'I11 leaves no sandbox of a canceled task when the provider ignores its signal',
  async () => {
    await runWorkers(1);
    const gate = Promise.withResolvers<void>();
    app.provider.on('createSandbox', waitsFor(gate.promise), { ignoresSignal: true });
    const id = await app.createTask();
    const { key } = await app.task(id);
    const call = await app.provider.waitForCall('createSandbox', { key });
    await app.cancelTask(id);
    await call.aborted;
    // The release finds nothing to remove; the sandbox is made after that.
    await app.provider.waitForCall('destroySandbox', { key });
    await waitFor(async () => {
      const [row] = await app.sql('select state from sandbox where key = $1', [call.key]);
      return row?.state === 'released';
    });
    gate.resolve();
    const at = app.now();
    await waitFor(() => app.provider.timesMade('sandbox', call.key) === 1);
    await waitFor(() => app.provider.sandboxes.size === 0, goneIgnoredMs);
    report('a sandbox that came after its release, gone', `${Math.round(app.now() - at)} ms`);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it(
  'I11 leaves no sandbox of a canceled task when its worker is dead',
  async () => {
    // It is the only one, and the next one goes on as such.
    await runWorkers(1);
    const gone: number[] = [];
    for (const order of ['kill first', 'cancel first'] as const) {
      for (const effect of isLong ? [true, false] : [order === 'kill first']) {
        const worker = workers.at(-1) as StartedProcess;
        const rule = app.provider.on(
          'createSandbox',
          (turn) => {
            if (effect) turn.effect();
            return never();
          },
          { ignoresSignal: true, when: ({ pid }) => pid === worker.pid },
        );
        const id = await app.createTask();
        const { key } = await app.task(id);
        await app.provider.waitForCall('createSandbox', { key });
        if (order === 'kill first') worker.kill('SIGKILL');
        await app.cancelTask(id);
        const at = app.now();
        worker.kill('SIGKILL');
        await worker.exit;
        await runWorkers(1);
        await app.provider.waitForCall('destroySandbox', { key, timeoutMs: goneMs });
        await waitFor(() => !app.provider.sandboxes.has(key), goneMs);
        gone.push(app.now() - at);
        rule.remove();
      }
    }
    report('cancel of a dead worker’s task to its sandbox being gone', summarize(gone));
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it.runIf(isLong)(
  'I6 aborts the call of a canceled task within a second while the wake-ups are cut off',
  async () => {
    await runWorkers(1);
    app.provider.on('createSandbox', hangs());
    const id = await app.createTask();
    const call = await app.provider.waitForCall('createSandbox', { key: (await app.task(id)).key });
    await app.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'groundcrew listen' and datname = current_database()`,
    );
    const at = app.now();
    await app.cancelTask(id);
    await call.aborted;
    expect(app.now() - at).toBeLessThan(heardMs);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

seededTest('I1 writes nothing after a cancel that meets the completion of a step', async (random) => {
  await runWorkers(2);
  for (const method of methods) {
    app.provider.on(method, async (turn) => {
      await delay(random.between(0, 5));
      const answer = turn.effect();
      await delay(random.between(0, 5));
      return answer;
    });
  }
  const outcomes: string[] = [];
  const one = async () => {
    const id = await app.createTask();
    await delay(random.between(0, 120));
    // Two at once: both have the same answer.
    const answers = await Promise.all([app.cancelTask(id), app.cancelTask(id)]);
    expect(answers).toEqual(['CANCELED', 'CANCELED']);
    outcomes.push((await app.task(id)).status);
  };
  for (let round = 0; round < (isLong ? 60 : 3); round += 1) {
    await Promise.all(Array.from({ length: 8 }, one));
  }
  expect(new Set(outcomes)).toEqual(new Set(['canceled']));
  // What a canceled step had begun may exist only after the release: the sweep removes it.
  await expectConsistency(app, {
    statuses: ['canceled'],
    mayBeMadeAgain: true,
    sandboxesGoneMs: goneIgnoredMs,
  });
  await expectOneEnd();
});

async function expectOneEnd(): Promise<void> {
  const after = await app.sql(
    `select c.task_id, e.kind, e.revision from task_event c join task_event e
       on e.task_id = c.task_id and e.revision > c.revision and e.kind <> 'sandbox.released'
     where c.kind = 'task.canceled'`,
  );
  expect(after).toEqual([]);
}
