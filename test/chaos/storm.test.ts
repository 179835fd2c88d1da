import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { StartedProcess } from '../support/processes.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { drawnTest, long, tell, worst } from './support/seed.ts';

const blows = long ? 40 : 4;

drawnTest(
  'keeps all promises while workers are killed, stopped and sent away at any moment',
  async (lots) => {
    await using on = await createInstallation();
    await on.startApi();
    const workers: StartedProcess[] = await Promise.all([
      on.startWorker(),
      on.startWorker(),
      on.startWorker(),
    ]);
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      on.provider.on(method, async (turn) => {
        await delay(lots.between(0, 400));
        // A request that was lost on its way has no effect; one that had arrived has.
        if (turn.call.state.ended === 'lost' && lots.next() < 0.5) return undefined;
        const answer = turn.effect();
        await delay(lots.between(0, 400));
        return answer;
      });
    }
    const resumed: number[] = [];
    const done: Record<string, number> = {};
    for (let blow = 0; blow < blows; blow += 1) {
      const creating = on.createTasks(long ? 15 : 8);
      await delay(lots.between(100, long ? 2_500 : 700));
      const index = lots.between(0, workers.length - 1);
      const worker = workers[index] as StartedProcess;
      const how = lots.pick(['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGSTOP'] as const);
      done[how] = (done[how] ?? 0) + 1;
      const canceled = (await on.tasks()).filter(({ status }) => status.startsWith('init')).slice(0, 1);
      const cancels = lots.next() < 0.3 ? canceled.map(({ id }) => on.cancelTask(id)) : [];
      const underWay = on.provider.calls.filter(
        ({ pid, state }) => pid === worker.pid && state.ended === null,
      );
      const at = performance.now();
      worker.kill(how);
      if (how === 'SIGSTOP') {
        await delay(lots.between(100, long ? 12_000 : 1_000));
        worker.kill('SIGCONT');
      } else {
        workers[index] = await on.startWorker();
        await worker.exit;
        if (how === 'SIGTERM') expect(await worker.exit).toEqual({ code: 0, signal: null });
      }
      await Promise.all([creating, ...cancels]);
      if (how !== 'SIGKILL') continue;
      for (const call of underWay.filter(
        ({ method }) => method !== 'listSandboxes' && method !== 'destroySandbox',
      )) {
        const next = on.provider.calls.find((each) => each.sandboxKey === call.sandboxKey && each.at > at);
        if (next) resumed.push(next.at - at);
      }
    }
    tell('blows', done);
    tell('kill -9 under way to the next call of the same task', worst(resumed));
    await expectWholeness(on, {
      settledMs: long ? 120_000 : 40_000,
      statuses: ['running', 'canceled', 'error'],
      sandboxesGoneMs: 60_000,
    });
    const ends = await on.sql('select status, count(*)::int as count from task group by 1');
    tell('ends', ends);
    // Four or fewer blows can't use up the five tries of a step.
    if (!long) expect(ends.filter(({ status }) => status === 'error')).toEqual([]);
  },
);
