import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Remote } from '../../git/remote.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { type TaskErrorCode, taskErrorCodes } from '../../tasks/domain/error-codes.ts';
import { sandboxKey } from '../../tasks/domain/external-keys.ts';
import { LeaseLostError } from '../../tasks/domain/lease.ts';
import type { NewMachineEvent } from '../../tasks/domain/machine-event.ts';
import { nextWork } from '../../tasks/domain/next-work.ts';
import type { StepName } from '../../tasks/domain/status.ts';
import type { AttemptState, TaskFailure, TaskState, Timestamp } from '../../tasks/domain/task.ts';
import { msBetween } from '../../tasks/domain/timestamp.ts';
import { requeueRelease } from '../../tasks/store/sandbox-ledger.ts';
import { readSessionPrompt } from '../../tasks/store/session-prompts.ts';
import type { LeasedTask } from '../../tasks/store/task-leases.ts';
import type { TaskWrites } from '../../tasks/store/task-writes.ts';
import { inSpan } from '../../tracing/tracing.ts';
import type { ActiveTasks } from '../active-tasks.ts';
import { runAttempt } from '../attempt.ts';
import { StepError, toTaskFailure } from '../failure.ts';
import { isReachable, type Locations } from '../locations.ts';
import { type AttemptTarget, sessionTarget, stepTarget } from './attempt-target.ts';
import { retryDelay } from './retry-delay.ts';
import type { SharedListings } from './shared-listings.ts';
import { startFollowing } from './start-following.ts';
import type { StepResult, StepWork } from './steps/step.ts';
import { WorkingCopy } from './working-copy.ts';

const workerLost: TaskErrorCode = 'WORKER_LOST';

export interface ProvisionDependencies {
  readonly db: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly providers: Providers;
  readonly locations: Locations;
  readonly listings: SharedListings<Remote>;
  readonly activeTasks: ActiveTasks;
  readonly writes: TaskWrites;
  workerId(): string;
  readonly stepTimeoutMs: number | undefined;
  readonly stepMaxAttempts: number;
  readonly retryBaseMs: number;
  /** Aborts when the worker is to stop: running attempts may end, and no new one is started. */
  readonly draining: AbortSignal;
  /** Aborts when running attempts have had time to end: the rest is interrupted, and continued by another worker. */
  readonly interrupt: AbortSignal;
}

/** Milliseconds until a task that may be crashing workers asks again whether it may run. */
const suspectRetryMs = 500;

/** Milliseconds by which the instants of two processes may differ, each of which follows the database's clock. */
const clockErrorMs = 50;

const defaultTimeoutMs = {
  ensure_name: 60_000,
  create_sandbox: 600_000,
  ensure_agent: 300_000,
  create_session: 120_000,
} as const satisfies Record<StepName, number>;

/** The work of one worker on one task, from the lease to its release. `leased` may be as it was read before the lease is taken. */
export class Provisioning {
  readonly #dependencies: ProvisionDependencies;
  readonly #lost: AbortSignal;
  readonly #logger: Logger;
  readonly #copy: WorkingCopy;
  /** The attempt that was running when the task was leased, or that this worker has run: it is over. */
  #lastAttempt: string | null;

  constructor(dependencies: ProvisionDependencies, leased: LeasedTask, lost: AbortSignal) {
    this.#dependencies = dependencies;
    this.#lost = lost;
    this.#logger = dependencies.logger.child({ taskId: leased.task.id });
    const location = dependencies.locations.get(leased.task.provider) ?? null;
    this.#copy = new WorkingCopy(leased, {
      ...dependencies,
      logger: this.#logger,
      location,
      lost,
      next: (state, now) => this.#next(state, now),
    });
    this.#lastAttempt = runningAttempt(leased.task.state);
  }

  get leased(): LeasedTask {
    return this.#copy.leased;
  }

  /**
   * Takes the lease of a task that was read as free, in the write that starts its next attempt. Where the branches of its repository
   * are known, that write also settles its name and starts the step after it. False when there is no attempt to start, or the task
   * is not free any more.
   */
  async takeWithStart(workerId: string): Promise<boolean> {
    const start = this.#next(this.#copy.task.state, this.#dependencies.db.clock.now());
    if (start?.type !== 'stepStarted' && start?.type !== 'sessionStarted') return false;
    const branches = this.#knownBranches(start);
    if (branches && (await this.#take(start, workerId, branches))) return true;
    // Also while another worker is choosing names in the project.
    return this.#take(start, workerId);
  }

  async #take(start: NewMachineEvent, workerId: string, branches?: ReadonlySet<string>): Promise<boolean> {
    try {
      await this.#copy.take(start, workerId, branches);
      return true;
    } catch (error) {
      if (error instanceof LeaseLostError) return false;
      throw error;
    }
  }

  /** The branches that the attempt would list, where another task's listing has just found them. */
  #knownBranches(start: NewMachineEvent): ReadonlySet<string> | undefined {
    const { providers, listings } = this.#dependencies;
    const { repoUrl, provider, createdAt, state } = this.#copy.task;
    if (start.type !== 'stepStarted' || start.step !== 'ensure_name') return undefined;
    // A later attempt asks for what has changed since it began; without a provider the attempt fails.
    if (state.steps[0].attempt > 0 || !providers.get(provider)) return undefined;
    return listings.listed(repoUrl, Date.parse(createdAt) + clockErrorMs)?.branches;
  }

  /** Throws LeaseLostError when the lease is lost meanwhile. */
  async run(): Promise<void> {
    let stillLeased = true;
    while (stillLeased) stillLeased = await this.#doNextWork();
  }

  #doNextWork(): Promise<boolean> {
    const { state } = this.#copy.task;
    const now = this.#dependencies.db.clock.now();
    const work = nextWork(state, now);
    switch (work.type) {
      case 'startStep':
      case 'startSession':
        return this.#start(state, now);
      case 'stepRunning':
        return this.#continueAttempt(stepTarget(work.step.name));
      case 'sessionRunning':
        return this.#continueAttempt(sessionTarget(work.session.id));
      case 'finishProvisioning':
        return this.#copy.commit({ type: 'provisioned' });
      case 'wait':
        return this.#copy.release(msBetween(now, work.until));
      case 'nothing':
        return this.#copy.release(null);
    }
  }

  /** What is written together with a change that has led to this state: the end of provisioning, or the next attempt's start. */
  #next(state: TaskState, now: Timestamp): NewMachineEvent | null {
    const work = nextWork(state, now);
    switch (work.type) {
      case 'startStep':
        return this.#startOf(stepTarget(work.step.name), state);
      case 'startSession':
        return this.#startOf(sessionTarget(work.session.id), state);
      case 'finishProvisioning':
        return { type: 'provisioned' };
      case 'stepRunning':
      case 'sessionRunning':
      case 'wait':
      case 'nothing':
        return null;
    }
  }

  /** Null where this worker may not start an attempt now. */
  #startOf(target: AttemptTarget, state: TaskState): NewMachineEvent | null {
    if (this.#dependencies.draining.aborted || !this.#reachesSandbox()) return null;
    return this.#mayAttempt(target, state) ? target.started(this.#timeoutOf(target)) : null;
  }

  #start(state: TaskState, now: Timestamp): Promise<boolean> {
    const start = this.#next(state, now);
    if (start) return this.#copy.commit(start);
    const mustLeave = this.#dependencies.draining.aborted || !this.#reachesSandbox();
    return this.#copy.release(mustLeave ? 0 : suspectRetryMs);
  }

  /**
   * Runs an attempt whose start this worker has stored, perhaps without hearing so. One that was running when the task was leased
   * is recorded as failed (WORKER_LOST): it counts as an attempt, and is retried at once.
   */
  #continueAttempt(target: AttemptTarget): Promise<boolean> {
    const running = runningAttempt(this.#copy.task.state);
    const attempt = target.attemptsIn(this.#copy.task.state);
    if (attempt && running !== this.#lastAttempt) {
      this.#lastAttempt = running;
      return this.#runAttempt(target, attempt);
    }
    const message = 'The worker was lost in the middle of the step.';
    const error = { code: workerLost, message, step: target.failedStep, retryable: true };
    return this.#commitFailure(target, error, 0);
  }

  #timeoutOf(target: AttemptTarget): number {
    return this.#dependencies.stepTimeoutMs ?? defaultTimeoutMs[target.step];
  }

  /** Otherwise the job that the release adds goes to a worker that reaches it. */
  #reachesSandbox(): boolean {
    const { task, sandboxLocation } = this.#copy.leased;
    return isReachable(this.#dependencies.locations, task.provider, sandboxLocation);
  }

  /**
   * A step whose worker died several times may itself crash workers, and each crash costs every task on that worker an
   * attempt. So a worker runs at most one such step at a time.
   */
  #mayAttempt(target: AttemptTarget, state: TaskState): boolean {
    const { activeTasks, stepMaxAttempts } = this.#dependencies;
    const attempts = target.attemptsIn(state);
    const isSuspect =
      attempts?.error?.code === workerLost && attempts.failures >= Math.max(1, stepMaxAttempts - 2);
    return activeTasks.claimCrashSuspectSlot(this.#copy.task.id, isSuspect);
  }

  /** Runs an attempt whose start is committed, and commits its result. */
  async #runAttempt(target: AttemptTarget, attempt: AttemptState): Promise<boolean> {
    const { interrupt, metrics } = this.#dependencies;
    const startedAt = performance.now();
    const { status } = this.#copy.task.state;
    const logger = this.#logger.child({ status, attempt: attempt.attempt });
    let result: StepResult;
    try {
      result = await runAttempt(
        {
          number: attempt.attempt,
          timeoutMs: this.#timeoutOf(target),
          signal: AbortSignal.any([this.#lost, interrupt]),
          log: (line) => logger.info({ line }, 'provider'),
          onLateCompletion: () => this.#onLateCompletion(),
        },
        (context) =>
          inSpan(
            {
              name: target.step,
              attributes: {
                'groundcrew.task.id': this.#copy.task.id,
                'groundcrew.attempt': attempt.attempt,
                'groundcrew.provider': this.#copy.task.provider,
              },
            },
            () => target.run(this.#stepWork(context.signal), context),
          ),
      );
    } catch (error) {
      if (this.#lost.aborted) throw this.#lost.reason;
      if (interrupt.aborted) return this.#copy.commit(target.interrupted());
      logger.warn({ err: error }, 'attempt failed');
      const failure = this.#toFailure(target, error);
      metrics.attemptFailed(target.step, this.#knownProvider(), countedCode(failure.code));
      return this.#commitFailure(target, failure);
    } finally {
      metrics.attemptEnded(target.step, this.#knownProvider(), (performance.now() - startedAt) / 1_000);
    }
    try {
      return await this.#copy.commitResult(result);
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      logger.error({ err: error }, 'could not store the result of the step');
      return this.#commitFailure(target, this.#toFailure(target, error));
    }
  }

  /** A task may name a provider that only other workers have, or none has. */
  #knownProvider(): string {
    const { provider } = this.#copy.task;
    return this.#dependencies.providers.get(provider) ? provider : 'other';
  }

  #stepWork(signal: AbortSignal): StepWork {
    const { providers, listings, db } = this.#dependencies;
    const { task, endpoint, sandboxMetadata } = this.#copy.leased;
    const provider = providers.get(task.provider);
    if (!provider) {
      throw new StepError('PROVIDER_UNKNOWN', `This worker has no provider "${task.provider}".`);
    }
    // The first session's prompt is the task's.
    const readPrompt = async (id: string) =>
      id === task.state.sessions[0].id
        ? task.prompt
        : retryWhileUnavailable(() => readSessionPrompt(db, id), signal);
    const location = this.#dependencies.locations.get(task.provider) ?? null;
    const follow: StepWork['follow'] = (sessionId, connection, followSignal) =>
      startFollowing(db, this.#copy.leased, location, sessionId, connection, followSignal);
    const [{ attempt }] = task.state.steps;
    // A later attempt asks for what has changed since it began.
    const since = Date.parse(attempt > 1 ? task.updatedAt : task.createdAt) + clockErrorMs;
    const listRepository: StepWork['listRepository'] = (listSignal) =>
      listings.list(task.repoUrl, since, listSignal);
    return { task, endpoint, sandboxMetadata, provider, listRepository, readPrompt, follow };
  }

  #toFailure(target: AttemptTarget, error: unknown): TaskFailure {
    return { ...toTaskFailure(error, target.step), step: target.failedStep };
  }

  /** Schedules the next attempt after `pauseMs`, or after the usual pause, unless none is left or none can help. */
  #commitFailure(target: AttemptTarget, error: TaskFailure, pauseMs?: number): Promise<boolean> {
    const { stepMaxAttempts, retryBaseMs } = this.#dependencies;
    const failures = (target.attemptsIn(this.#copy.task.state)?.failures ?? 0) + 1;
    const isRetried = error.retryable && failures < stepMaxAttempts;
    const retryMs = isRetried ? (pauseMs ?? retryDelay(failures, retryBaseMs)) : null;
    return this.#copy.commit(target.failed(error, retryMs));
  }

  /** The provider ignored its signal. If the task was closed meanwhile its sandbox may exist again: release it again. */
  #onLateCompletion(): void {
    const { db, interrupt, locations } = this.#dependencies;
    const location = locations.get(this.#copy.task.provider) ?? null;
    retryWhileUnavailable(
      () => requeueRelease(db, [sandboxKey(this.#copy.task.id)], location),
      interrupt,
    ).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'could not release the sandbox again; the sweep will');
    });
  }
}

/** Names the attempt that is running: what it is of, and its number. */
function runningAttempt(state: TaskState): string | null {
  const step = state.steps.find((each) => each.state === 'running');
  if (step) return `${step.name} ${step.attempt}`;
  const session = state.sessions.find(({ deadlineAt }) => deadlineAt !== null);
  return session ? `${session.id} ${session.attempt}` : null;
}

/** Providers have codes of their own, without end. */
function countedCode(code: string): string {
  if (Object.hasOwn(taskErrorCodes, code)) return code;
  return 'OTHER';
}
