import type { StepName } from '../../../src/tasks/domain/status.ts';
import { stepNames } from '../../../src/tasks/domain/status.ts';
import { ranOrWaited } from '../../support/own-time.ts';
import type { StartedProcess } from '../../support/processes.ts';
import { type Method, never } from '../../support/scripted-provider.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Installation } from './installation.ts';
import { lockTask, type RowLock } from './row-lock.ts';

const moments = [
  'before the effect',
  'before the answer',
  'before the commit',
  'in the commit',
  'after the commit',
] as const;
export type Moment = (typeof moments)[number];

const methods = {
  create_sandbox: 'createSandbox',
  ensure_agent: 'ensureAgent',
  create_session: 'createSession',
} as const satisfies Partial<Record<StepName, Method>>;

/** A task whose worker is killed at a moment of a step. */
export interface Cell {
  readonly step: StepName;
  readonly moment: Moment;
  readonly repoUrl: string;
  taskId: string;
  /** The pid of the worker that is held at the moment. */
  parkedAt: number | undefined;
  /** Whether a worker was held here already: later attempts pass. */
  spent: boolean;
  lock: RowLock | undefined;
  readonly calls: { step: StepName; pid: number; at: number }[];
  /** How many calls there were when its worker was killed. */
  callsBefore: number;
}

/** Every step at every moment, each with a task of its own. */
export class KillPlan {
  readonly cells: Cell[];
  readonly #app: Installation;
  readonly #bySandbox = new Map<string, Cell>();

  constructor(app: Installation, round: string, steps: readonly StepName[] = stepNames) {
    this.#app = app;
    this.cells = steps.flatMap((step) =>
      moments.map((moment) => ({
        step,
        moment,
        repoUrl: `https://git.test/held/${round}-${step}-${moment.replaceAll(' ', '-')}.git`,
        taskId: '',
        parkedAt: undefined,
        spent: false,
        lock: undefined,
        calls: [],
        callsBefore: 0,
      })),
    );
    const byUrl = new Map(this.cells.map((cell) => [cell.repoUrl, cell]));
    app.repositories.onLook(async ({ url, pid, ownPid }) => {
      const cell = byUrl.get(url);
      if (!cell) return;
      // The start of that `git` is no part of what the product promises.
      await this.#visit(cell, 'ensure_name', 'called', pid, ranOrWaited(ownPid));
      await this.#visit(cell, 'ensure_name', 'made', pid);
    });
    for (const [step, method] of Object.entries(methods) as [keyof typeof methods, Method][]) {
      app.provider.on(method, async ({ call, effect }) => {
        if (method === 'createSandbox') {
          const cell = byUrl.get((call.args[0] as { repoUrl: string }).repoUrl);
          if (cell) this.#bySandbox.set(call.sandboxKey, cell);
        }
        const cell = this.#bySandbox.get(call.sandboxKey);
        if (cell) await this.#visit(cell, step, 'called', call.pid);
        const answer = effect();
        if (cell) await this.#visit(cell, step, 'made', call.pid);
        return answer;
      });
    }
  }

  async park(): Promise<void> {
    for (const cell of this.cells) cell.taskId = await this.#app.createTask(cell.repoUrl, cell.moment);
    await waitFor(
      () => this.cells.every(({ parkedAt }) => parkedAt !== undefined),
      30_000,
      'all tasks at their moments',
    ).catch((error) => {
      const missing = this.cells.filter(({ parkedAt }) => parkedAt === undefined);
      throw new Error(
        `${(error as Error).message}; missing ${missing.map(({ step, moment }) => `${step} ${moment}`)}\n${this.#app.logTails()}`,
      );
    });
  }

  /** Kills a worker, and returns the cells that it was held at. */
  async kill(worker: StartedProcess): Promise<{ cells: Cell[]; at: number }> {
    const cells = this.cells.filter(({ parkedAt }) => parkedAt === worker.pid);
    const at = this.#app.now();
    worker.kill('SIGKILL');
    await worker.exit;
    for (const cell of cells) {
      cell.parkedAt = 0;
      cell.callsBefore = cell.calls.length;
      if (!cell.lock) continue;
      // Without this PostgreSQL completes the statement of the dead worker: that is the moment `in the commit`.
      if (cell.moment === 'before the commit') {
        await cell.lock.terminateWaiters();
      }
      await cell.lock.release();
    }
    return { cells, at };
  }

  async release(): Promise<void> {
    await Promise.all(this.cells.map(({ lock }) => lock?.release()));
  }

  /** Returns the milliseconds from the kill to the next call, for each task that needs one more call. */
  async waitForNextCalls(
    cells: readonly Cell[],
    killedAt: number,
    timeoutMs: number,
  ): Promise<Map<Cell, number>> {
    const figures = new Map<Cell, number>();
    for (const cell of cells) {
      const next = () => cell.calls[cell.callsBefore];
      // Opening the session is the last call of a task.
      const over = async () =>
        cell.step === 'create_session' && (await this.#app.task(cell.taskId)).status === 'running';
      await waitFor(async () => next() !== undefined || (await over()), timeoutMs, 'the next call').catch(
        async () => {
          const state = JSON.stringify(await this.#app.task(cell.taskId));
          throw new Error(
            `no call after the kill ${cell.moment} of ${cell.step}: ${state}\n${this.#app.logTails()}`,
          );
        },
      );
      const call = next();
      if (call) figures.set(cell, call.at - killedAt);
    }
    return figures;
  }

  async #visit(
    cell: Cell,
    step: StepName,
    phase: 'called' | 'made',
    pid: number,
    delayMs = 0,
  ): Promise<void> {
    if (phase === 'called') cell.calls.push({ step, pid, at: this.#app.now() - delayMs });
    if (cell.spent) return;
    const { moment } = cell;
    const isNext = stepNames.indexOf(step) === stepNames.indexOf(cell.step) + 1;
    const here = step === cell.step;
    const stay = () => {
      cell.spent = true;
      cell.parkedAt = pid;
      return never();
    };
    if (here && phase === 'called' && moment === 'before the effect') await stay();
    if (here && phase === 'made' && moment === 'before the answer') await stay();
    if (isNext && phase === 'called' && moment === 'after the commit') await stay();
    if (!here || phase !== 'made') return;
    if (moment === 'before the commit' || moment === 'in the commit') {
      cell.spent = true;
      const row = await lockTask(this.#app, cell.taskId);
      void row.waited(10_000).then(
        () => {
          cell.lock = row;
          cell.parkedAt = pid;
        },
        () => row.release(),
      );
    }
    if (moment === 'after the commit' && step === 'create_session') {
      cell.spent = true;
      void waitFor(async () => {
        const found = await this.#app.sql(
          `select from task_event where task_id = $1 and kind = 'session.ready'`,
          [cell.taskId],
        );
        return found.length > 0;
      }).then(() => {
        cell.parkedAt = pid;
      });
    }
  }
}
