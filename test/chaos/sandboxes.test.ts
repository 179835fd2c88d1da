import { expect, it } from 'vitest';
import { fails, hangs, never } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { lockTask, type RowLock } from './support/row-lock.ts';
import { long, patienceMs, tell } from './support/seed.ts';

// They wait for sweeps most of the time.
it.concurrent(
  'sweeps a sandbox that appeared after its release, and touches nobody else’s',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    await on.startWorker();
    const foreign = {
      key: 'foreign-1',
      ref: { id: 'f', cwd: '/f' },
      request: {} as never,
      createdAt: new Date(0),
    };
    on.provider.sandboxes.set(foreign.key, foreign);
    on.provider.on('destroySandbox', fails({ code: 'BUSY' }), { times: 2 });
    const id = await on.createTask();
    await on.waitForStatus(id, 'running');
    const { key } = await on.task(id);
    const sandbox = on.provider.sandboxes.get(key);
    await on.cancelTask(id);
    await waitFor(() => !on.provider.sandboxes.has(key), 10_000);
    await waitFor(async () => (await on.task(id)).revision > 1 && (await released(key)));
    // As when the cloud had been slow to make it.
    on.provider.sandboxes.set(key, sandbox as never);
    const at = performance.now();
    await waitFor(() => !on.provider.sandboxes.has(key), 60_000);
    tell('a leaked sandbox, gone', `${Math.round(performance.now() - at)} ms`);
    expect(on.provider.sandboxes.has(foreign.key)).toBe(true);
    expect(on.provider.callsOf('destroySandbox', foreign.key)).toEqual([]);
    expect(on.logged(/leaked sandboxes/).length).toBeGreaterThan(0);
    await expectWholeness(on, { statuses: ['canceled'] });

    async function released(of: string): Promise<boolean> {
      const [row] = await on.sql('select state from sandbox where key = $1', [of]);
      return row?.state === 'released';
    }
  },
  patienceMs,
);

it.concurrent(
  'gets tasks there whose jobs were deleted, doubled or locked by nobody',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    const lost = await on.createTask();
    const doubled = await on.createTask();
    const locked = await on.createTask();
    const canceled = await on.createTask();
    await on.sql('delete from graphile_worker._private_jobs where key = $1', [`provision:${lost}`]);
    // As after a fetch whose answer got lost: the server gave the job away, and nobody has it.
    await on.sql(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'a-pool-that-is-alive' where key = $1`,
      [`provision:${locked}`],
    );
    for (let each = 0; each < 5; each += 1) {
      await on.sql(`select graphile_worker.add_job('provisionTask', json_build_object('taskId', $1::text))`, [
        doubled,
      ]);
    }
    await on.sql(`select graphile_worker.add_job('provisionTask', '{"wrong": true}'::json)`);
    const cancelCall = on.provider.on('createSandbox', hangs(), {
      when: ({ key }) => key === canceled.replaceAll('_', '-'),
    });
    await Promise.all([on.startWorker(), on.startWorker()]);
    await waitFor(() => cancelCall.calls.length > 0);
    await on.waitForStatus(doubled, 'running');
    await on.waitForStatus(lost, 'running', 15_000);
    await on.waitForStatus(locked, 'running', 30_000);

    await on.cancelTask(canceled);
    await on.sql(`delete from graphile_worker._private_jobs where key like 'release:%'`);
    await expectWholeness(on, { sandboxesGoneMs: 60_000 });
  },
  patienceMs,
);

it.concurrent(
  'releases a sandbox once more when the worker dies in the middle of it',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    const inShort = ['before the effect', 'before the commit'] as const;
    for (const moment of long ? ([...inShort, 'before the answer'] as const) : inShort) {
      const worker = await on.startWorker();
      const id = await on.createTask();
      await on.waitForStatus(id, 'running');
      const { key } = await on.task(id);
      const lock = Promise.withResolvers<RowLock>();
      const rule = on.provider.on(
        'destroySandbox',
        async (turn) => {
          if (moment === 'before the effect') return never();
          const answer = turn.effect();
          if (moment === 'before the answer') return never();
          lock.resolve(await lockTask(on, id));
          return answer;
        },
        { times: 1 },
      );
      await on.cancelTask(id);
      await on.provider.waitForCall('destroySandbox', { key });
      const row = moment === 'before the commit' ? await lock.promise : undefined;
      const backend = await row?.waiter();
      worker.kill('SIGKILL');
      await worker.exit;
      if (backend) await on.sql('select pg_terminate_backend($1)', [backend]);
      await row?.release();
      rule.remove();
      const next = await on.startWorker();
      await expectWholeness(on, { statuses: ['canceled'], sandboxesGoneMs: 15_000 });
      next.kill();
      await next.exit;
    }
  },
  patienceMs,
);
