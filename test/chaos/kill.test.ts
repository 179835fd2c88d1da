import { afterAll, beforeAll, expect } from 'vitest';
import { type StepName, stepNames } from '../../src/tasks/domain/status.ts';
import { isLong, report, summarize, testTimeout } from '../support/chaos-form.ts';
import type { StartedProcess } from '../support/processes.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';
import { type Cell, KillPlan } from './support/kill-plan.ts';
import { seededTest } from './support/seeded-test.ts';

/** CONTRACT.md, promise 4. */
const soonMs = 2_000;

// Every task of a round runs at the same time, each held at its moment.
const settings = { GROUNDCREW_CONCURRENCY: '40' };

/**
 * The steps of each round. The short form takes one after the other: as many tasks as there are steps and moments, each with
 * programs that it starts, wait for two processors longer than for Groundcrew.
 */
const rounds: readonly (readonly StepName[])[] = isLong
  ? Array.from({ length: 8 }, () => stepNames)
  : stepNames.map((step) => [step]);

/** Of both tests, the second of which goes on with the worker that the first one has left: a start costs more than a round. */
let app: Installation;
let worker: StartedProcess;

beforeAll(async () => {
  app = await createInstallation({ settings });
  await app.startApi();
  worker = await app.startWorker();
}, testTimeout);
afterAll(() => app[Symbol.asyncDispose]());

seededTest(
  'I5 continues on another worker within two seconds, and makes each effect once, at every step and moment of a kill',
  async () => {
    const figures: number[] = [];
    for (const [round, steps] of rounds.entries()) {
      const plan = new KillPlan(app, `pair-${round}`, steps);
      try {
        await plan.park();
        const other = await app.startWorker();
        const { cells, at } = await plan.kill(worker);
        expect(cells).toEqual(plan.cells);
        worker = other;
        const next = await plan.waitForNextCalls(cells, at, 15_000);
        figures.push(...next.values());
        for (const [{ step, moment }, ms] of next) {
          if (ms > soonMs) report('too late', `${Math.round(ms)} ms, killed ${moment} of ${step}`);
        }
        await expectRightCalls(app, cells);
      } finally {
        await plan.release();
        app.provider.reset();
      }
      await expectConsistency(app, { statuses: ['running'] });
    }
    report('kill -9 to the next call, another worker there', summarize(figures));
    expect(Math.max(...figures)).toBeLessThan(soonMs);
  },
);

seededTest(
  'I5 continues within two seconds once the only worker is ready again, at every step and moment of a kill',
  async (random) => {
    const sinceKill: number[] = [];
    const sinceReady: number[] = [];
    for (const [round, steps] of rounds.entries()) {
      const plan = new KillPlan(app, `alone-${round}`, steps);
      try {
        await plan.park();
        const { cells, at } = await plan.kill(worker);
        const pause = isLong ? random.between(0, 3_000) : 0;
        await new Promise((resolve) => setTimeout(resolve, pause));
        const [restarted, readyAt] = await restart(app);
        worker = restarted;
        const next = [...(await plan.waitForNextCalls(cells, at, 15_000)).values()];
        sinceKill.push(...next.map((ms) => ms - pause));
        sinceReady.push(...next.map((ms) => ms - (readyAt - at)));
        await expectRightCalls(app, cells);
      } finally {
        await plan.release();
        app.provider.reset();
      }
      await expectConsistency(app, { statuses: ['running'] });
    }
    report('start of the killed worker to the next call', summarize(sinceKill));
    report('the restarted worker being ready to the next call', summarize(sinceReady));
    expect(Math.max(...sinceReady)).toBeLessThan(soonMs);
  },
);

/** Returns the worker, and when it was ready. */
async function restart(app: Installation): Promise<[StartedProcess, number]> {
  const worker = await app.startWorker();
  return [worker, app.now()];
}

/** A step whose success was stored is not called again; any other is called once more. */
async function expectRightCalls(app: Installation, cells: readonly Cell[]): Promise<void> {
  for (const { taskId, step } of cells)
    await app.waitForStatus(taskId, 'running').catch((e) => {
      throw new Error(`${step}: ${e}`);
    });
  for (const cell of cells) {
    const calls = cell.calls.filter(({ step }) => step === cell.step).length;
    const what = `calls of ${cell.step}, killed ${cell.moment}`;
    if (cell.moment === 'after the commit') expect(calls, what).toBe(1);
    else if (cell.moment === 'in the commit') expect(calls, what).toBeLessThanOrEqual(2);
    else expect(calls, what).toBe(2);
  }
}
