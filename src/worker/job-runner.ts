import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CronItem,
  Logger as GraphileLogger,
  parseCronItems,
  type Runner,
  run,
  type Task,
  type TaskList,
  type WorkerEventMap,
  type WorkerEvents,
} from 'graphile-worker';
import type { Pool } from 'pg';
import { isConnectionError } from '../db/connection-error.ts';
import { type Logger, withLogFields } from '../log.ts';

export interface JobRunnerOptions {
  readonly pool: Pool;
  readonly tasks: Readonly<Record<string, Task>>;
  /** Jobs to add at certain times; once each, however many runners have the same list. */
  readonly cronItems?: readonly CronItem[];
  /** Jobs that run at once. */
  readonly concurrency: number;
  readonly logger: Logger;
  /** Called with the id under which Graphile Worker locks the jobs. No job runs before the promise has resolved. */
  onPool(poolId: string): Promise<void>;
}

/** Milliseconds for Graphile Worker to write the results of the last jobs. It can wait for ever, without a database at least. */
const lastWritesMs = 1_000;
const restartPauseMs = 500;
/** Milliseconds between two looks for jobs whose time has come, or whose notification was lost. */
const lookMs = 500;
/** Each idle slot of Graphile Worker asks by itself so often. */
const slotPollMs = 30_000;

/**
 * Graphile Worker's runner, started again when it ends by itself, or can do no more: losing a connection at the wrong moment
 * does that.
 */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #takesJobs = Promise.withResolvers<void>();
  /** Of all runners so far: one that has ended by itself leaves jobs behind that still run. */
  readonly #runningJobs = new Set<Promise<unknown>>();
  #runner: Runner | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Resolves once it takes jobs. */
  start(): Promise<void> {
    this.#loop ??= this.#runUntilStopped();
    return this.#takesJobs.promise;
  }

  /** Takes no more jobs. Resolves once all jobs have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const stopped = this.#runner?.stop().catch(() => {});
    await Promise.all(this.#runningJobs);
    await Promise.race([stopped, delay(lastWritesMs)]);
    await this.#loop;
  }

  async #runUntilStopped(): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#runOnce();
        if (!signal.aborted) logger.warn('the job runner has ended; it will be started again');
      } catch (error) {
        // The persistent connections already log that the database cannot be reached.
        const level = isConnectionError(error) ? 'debug' : 'warn';
        if (!signal.aborted)
          logger[level]({ err: error }, 'the job runner has failed; it will be started again');
      }
      this.#runner = undefined;
      await delay(restartPauseMs, undefined, { signal }).catch(() => {});
    }
  }

  async #runOnce(): Promise<void> {
    const { pool, cronItems, concurrency, logger } = this.#options;
    const events = new EventEmitter() as WorkerEvents;
    const attached = Promise.withResolvers<void>();
    attached.promise.then(this.#takesJobs.resolve, () => {});
    const onStop = () => attached.reject(new Error('The worker is stopping.'));
    this.#stopping.signal.addEventListener('abort', onStop, { once: true });
    events.on('pool:create', ({ workerPool }) => {
      this.#options.onPool(workerPool.id).then(attached.resolve, attached.reject);
    });
    const stopLooking = lookForAll(events);
    endUnlessItFindsItsTasks(events);
    // Graphile Worker ends a pool that could not write the result of a job. First it waits for all jobs of the pool, for
    // minutes, and often for ever (its batcher miscounts once a batch has failed). The next runner must not wait for that.
    const ended = Promise.withResolvers<void>();
    events.on('pool:gracefulShutdown', () => ended.resolve());
    try {
      const runner = await run({
        pgPool: pool,
        taskList: this.#taskList(attached.promise),
        parsedCronItems: parseCronItems([...(cronItems ?? [])]),
        concurrency,
        noHandleSignals: true,
        pollInterval: slotPollMs,
        events,
        logger: graphileLogger(logger),
        // With a delay, stop() does not wait for the results to be written, and the jobs stay locked.
        preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      });
      this.#runner = runner;
      if (this.#stopping.signal.aborted) await runner.stop();
      runner.promise.catch(() => {});
      await Promise.race([runner.promise, ended.promise]);
    } finally {
      stopLooking();
    }
  }

  /** The tasks, each run once `attached` has resolved and tracked until it has ended. */
  #taskList(attached: Promise<void>): TaskList {
    const tracked = ([name, task]: [string, Task]): [string, Task] => [
      name,
      async (payload, helpers) => {
        await attached;
        const fields = { job: name, jobId: String(helpers.job.id) };
        const work = withLogFields(fields, async () => task(payload, helpers));
        const ended: Promise<unknown> = work.catch(() => {}).finally(() => this.#runningJobs.delete(ended));
        this.#runningJobs.add(ended);
        return work;
      },
    ];
    return Object.fromEntries(Object.entries(this.#options.tasks).map(tracked));
  }
}

/**
 * Has one idle slot look for a job at intervals, and another one as soon as one was found. All slots looking by themselves is
 * most of what an idle worker costs. Returns a function that ends it.
 */
function lookForAll(events: WorkerEvents): () => void {
  let nudge = () => {};
  const timer = setInterval(() => nudge(), lookMs);
  const stop = () => {
    clearInterval(timer);
    nudge = () => {};
  };
  events.on('pool:create', ({ workerPool }) => {
    nudge = () => workerPool.nudge(1);
  });
  events.on('job:start', () => nudge());
  // The slots of a pool that ends must not be asked for anything.
  for (const end of ['pool:gracefulShutdown', 'pool:forcefulShutdown', 'pool:release'] as const) {
    events.on(end, stop);
  }
  return stop;
}

/**
 * Ends a pool whose first look for a job failed. It starts by asking for the ids of its tasks, and when that fails, it fails
 * with the same error at each look from then on: Graphile Worker 0.18.0 keeps the rejected promise (`taskIdentifiers.js`).
 */
function endUnlessItFindsItsTasks(events: WorkerEvents): void {
  const found = () => events.off('worker:getJob:error', end);
  const end = ({ worker }: WorkerEventMap['worker:getJob:error']) => {
    found();
    // Once all slots have got the error: Graphile Worker prints a stack trace for each that gets it later.
    setImmediate(() => void Promise.resolve(worker.workerPool.gracefulShutdown()).catch(() => {}));
  };
  events.on('worker:getJob:error', end);
  events.once('worker:getJob:empty', found);
  events.once('job:start', found);
}

function graphileLogger(logger: Logger): GraphileLogger {
  const levels = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;
  return new GraphileLogger(() => (level, message, meta) => {
    const error = meta?.error;
    logger[levels[level]](error === undefined ? {} : { err: error }, message);
  });
}
