import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';

/** CONTRACT.md, promise 4: of one that hangs or is cut off. */
const rescueMs = 15_000;

/** Of all tests, each of which has workers of its own. */
let app: Installation;
let api: StartedProcess;

beforeAll(async () => {
  app = await createInstallation();
  api = await app.startApi();
}, testTimeout);
afterEach(async () => {
  app.provider.reset();
  for (const started of app.processes.started.filter((each) => each !== api)) {
    started.kill('SIGKILL');
    await started.exit;
  }
});
afterAll(() => app[Symbol.asyncDispose]());

it(
  'I4 gives the tasks of a worker that hangs to another one within 15 seconds, and lets it change nothing when it comes back',
  async () => {
    const stopped = await app.startWorker();
    // One task in each step.
    const gate = Promise.withResolvers<void>();
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      let held = 0;
      app.provider.on(method, waitsFor(gate.promise), {
        when: ({ pid }) => pid === stopped.pid && held++ === 0,
        ignoresSignal: true,
      });
    }
    const ids: string[] = [];
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      ids.push(await app.createTask());
      await app.provider.waitForCall(method);
    }
    stopped.kill('SIGSTOP');
    const stoppedAt = performance.now();
    const other = await app.startWorker();
    for (const id of ids) await app.waitForStatus(id, 'running', rescueMs + 5_000);
    const first = app.provider.calls.find(({ pid }) => pid === other.pid);
    const rescued = Math.round((first?.at ?? Number.POSITIVE_INFINITY) - stoppedAt);
    report('SIGSTOP to the next call', `${rescued} ms`);
    expect(rescued).toBeLessThan(rescueMs);

    const settled = await app.tasks();
    gate.resolve();
    stopped.kill('SIGCONT');
    const resumedAt = performance.now();
    const later = await app.createTasks(12);
    for (const id of later) await app.waitForStatus(id, 'running', 15_000);
    report('SIGCONT to twelve new tasks RUNNING', `${Math.round(performance.now() - resumedAt)} ms`);
    await stopped.waitForLine(/was declared dead/, 30_000, 'stderr');
    // Once it has done a task as the only worker, it is over with what it did before it was stopped.
    other.kill('SIGTERM');
    await other.exit;
    await app.waitForStatus(await app.createTask(), 'running', 30_000);

    const after = (await app.tasks()).filter(({ id }) => ids.includes(id));
    expect(after.map(({ id, revision }) => ({ id, revision }))).toEqual(
      settled.map(({ id, revision }) => ({ id, revision })),
    );
    const forgotten = app.logged(/tasks were due without a job/);
    expect(forgotten, app.logTails()).toEqual([]);
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);

it(
  'I14 takes jobs again after the network has dropped all its connections without a word',
  async () => {
    await using proxy = await startPostgresProxy(app.databaseUrl);
    const worker = await app.startWorker({ DATABASE_URL: proxy.url });
    await app.waitForStatus(await app.createTask(), 'running');
    proxy.freezeAll();
    const began = performance.now();
    // More than it has connections that could each be waiting for an answer.
    for (const id of await app.createTasks(20)) await app.waitForStatus(id, 'running', 40_000);
    report('connections forgotten to all tasks RUNNING', `${Math.round(performance.now() - began)} ms`);
    await expectConsistency(app, { statuses: ['running'] });
    worker.kill('SIGTERM');
    expect((await worker.exit).code).toBe(0);
  },
  testTimeout,
);

it.runIf(isLong)(
  'I9 continues the tasks of a worker that hangs in the middle of a transaction',
  async () => {
    const stopped = await app.startWorker();
    // The name is settled in a transaction that begins with a lock of the project.
    const [project] = await app.sql<{ id: string }>(
      `select p.id from project p where p.id = (select project_id from task where id = $1)`,
      [await app.createTask('https://git.test/acme/stuck.git')],
    );
    await app.settled();
    const client = await app.pool.connect();
    try {
      await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`settle-name ${project?.id}`]);
      await app.createTask('https://git.test/acme/stuck.git');
      await waitFor(
        async () =>
          (
            await app.sql(
              `select from pg_stat_activity where application_name = 'groundcrew' and wait_event = 'advisory'`,
            )
          ).length > 0,
      );
      stopped.kill('SIGSTOP');
      await client.query('select pg_advisory_unlock_all()');
    } finally {
      client.release();
    }
    await app.startWorker();
    const ids = [await app.createTask('https://git.test/acme/stuck.git')];
    for (const id of ids) await app.waitForStatus(id, 'running', rescueMs);
    await app.settled(rescueMs);
    stopped.kill('SIGCONT');
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);
