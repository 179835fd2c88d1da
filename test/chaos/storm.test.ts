import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { isLong, report, summarize } from '../support/chaos-form.ts';
import type { StartedProcess } from '../support/processes.ts';
import { range } from '../support/range.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { seededTest } from './support/seeded-test.ts';

const faults = isLong ? 40 : 3;
const kinds = ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const;
const count = isLong ? 3 : 2;

seededTest(
  'completes or closes every task while workers are killed, paused and stopped at random',
  async (random) => {
    await using app = await createInstallation();
    await app.startApi();
    const workers: StartedProcess[] = await Promise.all(range(1, count).map(() => app.startWorker()));
    for (const method of ['createSandbox', 'ensureAgent', 'createSession'] as const) {
      app.provider.on(method, async (turn) => {
        await delay(random.between(0, 400));
        // A request that was lost on its way has no effect, one that had arrived has: both happen.
        if (turn.call.state.ended === 'lost' && random.next() < 0.5) return undefined;
        const answer = turn.effect();
        await delay(random.between(0, 400));
        return answer;
      });
    }
    const resumed: number[] = [];
    const done: Record<string, number> = {};
    const first = random.between(0, kinds.length - 1);
    for (let fault = 0; fault < faults; fault += 1) {
      const creating = app.createTasks(isLong ? 15 : 6);
      await delay(random.between(100, isLong ? 2_500 : 700));
      const index = random.between(0, workers.length - 1);
      const worker = workers[index] as StartedProcess;
      // The short form has each kind once.
      const how = isLong
        ? random.pick([...kinds, 'SIGKILL'] as const)
        : (kinds[(first + fault) % kinds.length] as (typeof kinds)[number]);
      done[how] = (done[how] ?? 0) + 1;
      const canceled = (await app.tasks()).filter(({ status }) => status.startsWith('init')).slice(0, 1);
      const cancels = random.next() < 0.3 ? canceled.map(({ id }) => app.cancelTask(id)) : [];
      const underWay = app.provider.calls.filter(
        ({ pid, state }) => pid === worker.pid && state.ended === null,
      );
      const at = performance.now();
      worker.kill(how);
      if (how === 'SIGSTOP') {
        await delay(random.between(100, isLong ? 12_000 : 1_000));
        worker.kill('SIGCONT');
      } else {
        workers[index] = await app.startWorker();
        await worker.exit;
        if (how === 'SIGTERM') expect(await worker.exit).toEqual({ code: 0, signal: null });
      }
      await Promise.all([creating, ...cancels]);
      if (how !== 'SIGKILL') continue;
      for (const call of underWay.filter(
        ({ method }) => method !== 'listSandboxes' && method !== 'destroySandbox',
      )) {
        const next = app.provider.calls.find((each) => each.sandboxKey === call.sandboxKey && each.at > at);
        if (next) resumed.push(next.at - at);
      }
    }
    report('faults', done);
    report('kill -9 under way to the next call of the same task', summarize(resumed));
    await expectConsistency(app, {
      settledMs: isLong ? 120_000 : 40_000,
      statuses: ['running', 'canceled', 'error'],
      sandboxesGoneMs: 60_000,
    });
    const ends = await app.sql('select status, count(*)::int as count from task group by 1');
    report('ends', ends);
    // Three faults cannot use up the five attempts of a step.
    if (!isLong) expect(ends.filter(({ status }) => status === 'error')).toEqual([]);
  },
);
