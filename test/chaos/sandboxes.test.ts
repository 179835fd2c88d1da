import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { fails, hangs, never } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { lockTask, type RowLock } from './support/row-lock.ts';

/** Of all tests, which go on with the workers that the one before has left: a start costs more than a test. */
let app: Installation;
let workers: StartedProcess[] = [];

beforeAll(async () => {
  app = await createInstallation();
  await app.startApi();
}, testTimeout);
afterEach(() => app.provider.reset());
afterAll(() => app[Symbol.asyncDispose]());

/** Has so many workers run, and no others. */
async function runWorkers(count: number): Promise<void> {
  workers = workers.filter(({ pid }) => isRunning(pid));
  for (const worker of workers.splice(count)) {
    worker.kill();
    await worker.exit;
  }
  while (workers.length < count) workers.push(await app.startWorker());
}

it(
  'I3 completes tasks whose jobs were deleted, doubled or locked by a pool that does not have them',
  async () => {
    await runWorkers(0);
    const lost = await app.createTask();
    const doubled = await app.createTask();
    const locked = await app.createTask();
    const canceled = await app.createTask();
    await app.sql('delete from graphile_worker._private_jobs where key = $1', [`provision:${lost}`]);
    // As after a fetch whose answer was lost: the job is locked, and no worker has it.
    await app.sql(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'a-pool-that-is-alive' where key = $1`,
      [`provision:${locked}`],
    );
    for (let each = 0; each < 5; each += 1) {
      await app.sql(
        `select graphile_worker.add_job('provisionTask', json_build_object('taskId', $1::text))`,
        [doubled],
      );
    }
    await app.sql(`select graphile_worker.add_job('provisionTask', '{"wrong": true}'::json)`);
    const cancelCall = app.provider.on('createSandbox', hangs(), {
      when: ({ key }) => key === canceled.replaceAll('_', '-'),
    });
    await runWorkers(2);
    await waitFor(() => cancelCall.calls.length > 0);
    await app.waitForStatus(doubled, 'running');
    await app.waitForStatus(lost, 'running', 15_000);
    await app.waitForStatus(locked, 'running', 30_000);

    await app.cancelTask(canceled);
    await app.sql(`delete from graphile_worker._private_jobs where key like 'release:%'`);
    // Unless a worker was faster, the release is stuck: the sweep takes it for that after a minute.
    await expectConsistency(app, { sandboxesGoneMs: 90_000 });
  },
  testTimeout,
);

it(
  'I11 releases a sandbox again when the worker dies while it releases it',
  async () => {
    // The second one goes on when the first is dead: that is a start less.
    await runWorkers(2);
    const inShort = ['before the effect', 'before the commit'] as const;
    for (const moment of isLong ? ([...inShort, 'before the answer'] as const) : inShort) {
      const id = await app.createTask();
      await app.waitForStatus(id, 'running');
      const { key } = await app.task(id);
      const lock = Promise.withResolvers<RowLock>();
      const rule = app.provider.on(
        'destroySandbox',
        async (turn) => {
          if (moment === 'before the effect') return never();
          const answer = turn.effect();
          if (moment === 'before the answer') return never();
          lock.resolve(await lockTask(app, id));
          return answer;
        },
        { times: 1 },
      );
      await app.cancelTask(id);
      const { pid } = await app.provider.waitForCall('destroySandbox', { key });
      const worker = workers.find((each) => each.pid === pid) as StartedProcess;
      const row = moment === 'before the commit' ? await lock.promise : undefined;
      await row?.waited();
      worker.kill('SIGKILL');
      await worker.exit;
      await row?.terminateWaiters();
      await row?.release();
      rule.remove();
      await runWorkers(1);
      await expectConsistency(app, { statuses: ['running', 'canceled'], sandboxesGoneMs: 15_000 });
    }
  },
  testTimeout,
);

it(
  'I11 removes a sandbox that appeared after its release, and none of another installation',
  async () => {
    await runWorkers(1);
    const before = app.logged(/leaked sandboxes/).length;
    const foreign = {
      key: 'foreign-1',
      ref: { id: 'f', cwd: '/f' },
      request: {} as never,
      createdAt: new Date(0),
    };
    app.provider.sandboxes.set(foreign.key, foreign);
    app.provider.on('destroySandbox', fails({ code: 'BUSY' }), { times: 2 });
    const id = await app.createTask();
    await app.waitForStatus(id, 'running');
    const { key } = await app.task(id);
    const sandbox = app.provider.sandboxes.get(key);
    await app.cancelTask(id);
    await waitFor(() => !app.provider.sandboxes.has(key), 10_000);
    await waitFor(async () => (await app.task(id)).revision > 1 && (await released(key)));
    // As when the provider was slow to make it.
    app.provider.sandboxes.set(key, sandbox as never);
    const at = performance.now();
    await waitFor(() => !app.provider.sandboxes.has(key), 60_000);
    report('a leaked sandbox, gone', `${Math.round(performance.now() - at)} ms`);
    expect(app.provider.sandboxes.has(foreign.key)).toBe(true);
    expect(app.provider.callsOf('destroySandbox', foreign.key)).toEqual([]);
    expect(app.logged(/leaked sandboxes/).length).toBeGreaterThan(before);
    await expectConsistency(app, { statuses: ['running', 'canceled'] });

    async function released(of: string): Promise<boolean> {
      const [row] = await app.sql('select state from sandbox where key = $1', [of]);
      return row?.state === 'released';
    }
  },
  testTimeout,
);
