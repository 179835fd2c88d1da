import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { sandboxKey } from '../../tasks/domain/external-keys.ts';
import { nextWork } from '../../tasks/domain/next-work.ts';
import type { StepName } from '../../tasks/domain/status.ts';
import type { AttemptState, Session, Step as StepState, Task, TaskFailure } from '../../tasks/domain/task.ts';
import type { MachineEvent } from '../../tasks/domain/task-machine.ts';
import { stepOf } from '../../tasks/domain/task-state.ts';
import { type ChangeResult, changeTask, LeaseLostError, readTask } from '../../tasks/store/change-task.ts';
import { requeueRelease } from '../../tasks/store/sandbox-ledger.ts';
import { type LeasedTask, releaseTask } from '../../tasks/store/task-leases.ts';
import { readSessionPrompt } from '../../tasks/store/task-queries.ts';
import type { ActiveTasks } from '../active-tasks.ts';
import { runAttempt } from '../attempt.ts';
import { retryDelay, StepError, toTaskFailure } from './failure.ts';
import { createSandbox } from './steps/create-sandbox.ts';
import { createLaterSession, createSession } from './steps/create-session.ts';
import { ensureAgent } from './steps/ensure-agent.ts';
import { ensureName } from './steps/ensure-name.ts';
import { now, type Step, type StepResult, type StepWork } from './steps/step.ts';

export interface ProvisionDependencies {
  readonly db: Database;
  readonly logger: Logger;
  readonly providers: Providers;
  readonly allowLocalRepos: boolean;
  readonly activeTasks: ActiveTasks;
  workerId(): string;
  readonly stepTimeoutMs: number | undefined;
  readonly stepMaxAttempts: number;
  readonly retryBaseMs: number;
  /** Aborts when the worker is to stop: what runs may end, and nothing new is begun. */
  readonly draining: AbortSignal;
  /** Aborts when it has waited long enough: what still runs is handed over. */
  readonly interrupt: AbortSignal;
}

/** Milliseconds until a suspect asks again whether it may begin. */
const suspectRetryMs = 500;

const steps = {
  ensure_name: ensureName,
  create_sandbox: createSandbox,
  ensure_agent: ensureAgent,
  create_session: createSession,
} as const satisfies Record<StepName, Step>;

const defaultTimeoutMs = {
  ensure_name: 60_000,
  create_sandbox: 600_000,
  ensure_agent: 300_000,
  create_session: 120_000,
} as const satisfies Record<StepName, number>;

/** The earlier step whose work is gone, when a provider says so with the code of its error. */
const rollbackStepByCode: Readonly<Record<string, StepName>> = {
  SANDBOX_GONE: 'create_sandbox',
  AGENT_GONE: 'ensure_agent',
};

/** The work of one worker on one task, from taking it to letting it go. */
export class Provisioning {
  readonly #dependencies: ProvisionDependencies;
  readonly #lost: AbortSignal;
  readonly #logger: Logger;
  #leased: LeasedTask;

  constructor(dependencies: ProvisionDependencies, leased: LeasedTask, lost: AbortSignal) {
    this.#dependencies = dependencies;
    this.#leased = leased;
    this.#lost = lost;
    this.#logger = dependencies.logger.child({ taskId: leased.task.id });
  }

  async run(): Promise<void> {
    const { draining } = this.#dependencies;
    let held = await this.#settleWhatWasUnderWay();
    while (held) {
      const work = nextWork(this.#task.state, now());
      switch (work.type) {
        case 'startStep':
          held = draining.aborted ? await this.#putBack(now()) : await this.#tryStep(work.step);
          break;
        case 'startSession':
          held = draining.aborted ? await this.#putBack(now()) : await this.#trySession(work.session);
          break;
        case 'finishProvisioning':
          held = await this.#change({ type: 'provisioned', at: now() });
          break;
        case 'stepUnderWay':
        case 'sessionUnderWay':
          // What this worker begins it also ends, so this is a write whose answer was lost and that came after all.
          held = await this.#settleWhatWasUnderWay();
          break;
        case 'wait':
          held = await this.#putBack(work.until);
          break;
        case 'nothing':
          held = await this.#putBack(null);
          break;
      }
    }
  }

  get #task(): Task {
    return this.#leased.task;
  }

  /**
   * A try that has lost its worker again and again may be what kills them, and each kill costs all that runs beside it a try.
   * So a worker makes one such try at a time: then the one that kills uses up its own tries.
   */
  #mayBegin({ error, failures }: AttemptState): boolean {
    const { activeTasks, stepMaxAttempts } = this.#dependencies;
    const suspect = error?.code === 'WORKER_LOST' && failures >= Math.max(1, stepMaxAttempts - 2);
    return activeTasks.claimCrashSuspectSlot(this.#task.id, suspect);
  }

  /** A try that was under way when the task was taken: its worker is gone. That counts as a try, and is not waited for. */
  async #settleWhatWasUnderWay(): Promise<boolean> {
    const work = nextWork(this.#task.state, now());
    const message = 'the worker was lost in the middle of the step';
    if (work.type === 'stepUnderWay') {
      const { step } = work;
      const error = { code: 'WORKER_LOST', message, step: step.name, retryable: true };
      return this.#change(this.#stepFailed(step, error, 0));
    }
    if (work.type === 'sessionUnderWay') {
      const error = { code: 'WORKER_LOST', message, step: null, retryable: true };
      return this.#change(this.#sessionFailed(work.session, error, 0));
    }
    return true;
  }

  async #tryStep(step: StepState): Promise<boolean> {
    const { name } = step;
    if (!this.#mayBegin(step)) return this.#putBack(later(now(), suspectRetryMs));
    const timeoutMs = this.#dependencies.stepTimeoutMs ?? defaultTimeoutMs[name];
    const at = now();
    const started = await this.#change({
      type: 'stepStarted',
      at,
      step: name,
      deadlineAt: later(at, timeoutMs),
    });
    const running = stepOf(this.#task.state, name);
    // Otherwise the task has changed meanwhile: the loop looks again.
    if (!started || running.state !== 'running' || running.startedAt !== at) return started;
    return this.#try(running, timeoutMs, (work, context) => steps[name](work, context), {
      failed: (error) => this.#stepFailed(running, toTaskFailure(error, name)),
      interrupted: () => ({ type: 'stepInterrupted', at: now(), step: name }),
    });
  }

  async #trySession(session: Session): Promise<boolean> {
    const { id } = session;
    if (!this.#mayBegin(session)) return this.#putBack(later(now(), suspectRetryMs));
    const timeoutMs = this.#dependencies.stepTimeoutMs ?? defaultTimeoutMs.create_session;
    const at = now();
    const started = await this.#change({
      type: 'sessionStarted',
      at,
      sessionId: id,
      deadlineAt: later(at, timeoutMs),
    });
    const trying = this.#task.state.sessions.find((session) => session.id === id);
    if (!started || trying?.startedAt !== at) return started;
    return this.#try(trying, timeoutMs, (work, context) => createLaterSession(work, trying, context), {
      failed: (error) =>
        this.#sessionFailed(trying, { ...toTaskFailure(error, 'create_session'), step: null }),
      interrupted: () => ({ type: 'sessionInterrupted', at: now(), sessionId: id }),
    });
  }

  /** One try, whose start is written down already. False: the task was let go. */
  async #try(
    tries: AttemptState,
    timeoutMs: number,
    run: Step,
    outcome: { failed(error: unknown): MachineEvent; interrupted(): MachineEvent },
  ): Promise<boolean> {
    const { interrupt } = this.#dependencies;
    const logger = this.#logger.child({ status: this.#task.state.status, attempt: tries.attempt });
    let result: StepResult;
    try {
      result = await runAttempt(
        {
          number: tries.attempt,
          timeoutMs,
          signal: AbortSignal.any([this.#lost, interrupt]),
          log: (line) => logger.info({ line }, 'provider'),
          onLateCompletion: () => this.#afterLateEnd(),
        },
        (context) => run(this.#work(context.signal), context),
      );
    } catch (error) {
      if (this.#lost.aborted) throw this.#lost.reason;
      if (interrupt.aborted) return this.#change(outcome.interrupted());
      logger.warn({ err: error }, 'try failed');
      return this.#change(outcome.failed(error));
    }
    try {
      const held = await this.#apply(() => result.settle(this.#dependencies.db));
      this.#leased = { ...this.#leased, ...result.workerData } as LeasedTask;
      return held;
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      logger.error({ err: error }, 'could not write down what the step has brought about');
      return this.#change(outcome.failed(error));
    }
  }

  #work(signal: AbortSignal): StepWork {
    const { providers, allowLocalRepos, db } = this.#dependencies;
    const provider = providers.get(this.#task.provider);
    if (!provider) {
      throw new StepError('PROVIDER_UNKNOWN', `this worker has no provider "${this.#task.provider}"`);
    }
    const { task, lease, endpoint, sandboxMetadata } = this.#leased;
    const readPrompt = (id: string) => retryWhileUnavailable(() => readSessionPrompt(db, id), signal);
    return { task, lease, endpoint, sandboxMetadata, provider, allowLocalRepos, readPrompt };
  }

  #stepFailed(step: StepState, error: TaskFailure, delayMs?: number): MachineEvent {
    const at = now();
    const backTo = step.name === 'ensure_name' ? undefined : rollbackStepByCode[error.code];
    return {
      type: 'stepFailed',
      at,
      step: step.name,
      error,
      nextAttemptAt: this.#nextAttemptAt(step, error, at, delayMs),
      ...(backTo && backTo !== step.name ? { backTo } : {}),
    };
  }

  #sessionFailed(session: Session, error: TaskFailure, delayMs?: number): MachineEvent {
    const at = now();
    const nextAttemptAt = this.#nextAttemptAt(session, error, at, delayMs);
    return { type: 'sessionFailed', at, sessionId: session.id, error, nextAttemptAt };
  }

  #nextAttemptAt(tries: AttemptState, error: TaskFailure, at: string, delayMs?: number): string | null {
    const { stepMaxAttempts, retryBaseMs } = this.#dependencies;
    const failures = tries.failures + 1;
    if (!error.retryable || failures >= stepMaxAttempts) return null;
    return later(at, delayMs ?? retryDelay(failures, retryBaseMs));
  }

  #change(event: MachineEvent): Promise<boolean> {
    const { db } = this.#dependencies;
    return this.#apply(() => changeTask(db, this.#task.id, { event, lease: this.#leased.lease }, this.#task));
  }

  /**
   * Writes, for as long as the database can't be reached and the lease is ours: what was done outside has to be written
   * down. A write that came through unheard is refused the second time, and the task is read as it has become.
   */
  async #apply(write: () => Promise<ChangeResult | null>): Promise<boolean> {
    const changed = await retryWhileUnavailable(write, this.#lost);
    if (!changed) throw new LeaseLostError('the task is gone');
    this.#leased = { ...this.#leased, task: changed.task };
    if (changed.outcome !== 'changed') return true;
    const { status, steps: states } = changed.task.state;
    this.#logger.info(
      { revision: changed.task.revision, status, steps: states.map(({ state }) => state) },
      'task changed',
    );
    return !changed.leaseReleased;
  }

  async #putBack(until: string | null): Promise<boolean> {
    const { db } = this.#dependencies;
    const { lease, task } = this.#leased;
    if (await retryWhileUnavailable(() => releaseTask(db, lease, task.revision, until), this.#lost))
      return false;
    const latest = await retryWhileUnavailable(() => readTask(db, task.id, lease), this.#lost);
    if (!latest) throw new LeaseLostError('the task is gone');
    this.#leased = { ...this.#leased, task: latest };
    return true;
  }

  /** The provider took no notice of the signal. When the task was closed meanwhile, its sandbox may be there again. */
  #afterLateEnd(): void {
    const { db, interrupt } = this.#dependencies;
    retryWhileUnavailable(() => requeueRelease(db, [sandboxKey(this.#task.id)]), interrupt).catch(
      (error: unknown) => {
        this.#logger.warn({ err: error }, 'could not release the sandbox again; the sweep will');
      },
    );
  }
}

function later(at: string, ms: number): string {
  return new Date(Date.parse(at) + ms).toISOString();
}
