import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Logger as GraphileLogger,
  type Runner,
  run,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Pool } from 'pg';
import { isConnectionError } from '../db/connection-error.ts';
import type { Logger } from '../log.ts';

export interface JobRunner {
  /** Resolves once it takes jobs. */
  readonly started: Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds to write down what became of the last jobs. Without a database, and at times otherwise, it does not end. */
const lastWritesMs = 1_000;

/**
 * Graphile Worker's runner, started again when it ends by itself: a connection that is lost at the wrong moment ends it.
 * `onPool` hears of the id under which its jobs are locked, and is waited for before the first of them runs.
 */
export function startJobRunner(options: {
  pool: Pool;
  tasks: TaskList;
  concurrency: number;
  logger: Logger;
  onPool(poolId: string): Promise<void>;
}): JobRunner {
  const stopping = new AbortController();
  const started = Promise.withResolvers<void>();
  let runner: Runner | undefined;
  /** Of all runners: one that has ended by itself leaves jobs behind that still run. */
  const running = new Set<Promise<unknown>>();

  async function runOnce(): Promise<void> {
    const events = new EventEmitter() as WorkerEvents;
    const ready = Promise.withResolvers<void>();
    ready.promise.then(started.resolve, () => {});
    events.on(
      'pool:create',
      ({ workerPool }) => void options.onPool(workerPool.id).then(ready.resolve, ready.reject),
    );
    // Graphile Worker ends a pool that could not write down what became of a job. It waits for all its jobs then, minutes at
    // worst, and often for ever (its batcher miscounts once a batch has failed): the next one must not wait for that.
    const ended = Promise.withResolvers<void>();
    events.on('pool:gracefulShutdown', () => ended.resolve());
    const tasks = Object.entries(options.tasks).map(([name, task]) => [
      name,
      async (...args: Parameters<NonNullable<typeof task>>) => {
        await ready.promise;
        const work = Promise.resolve(task?.(...args));
        const over: Promise<unknown> = work.catch(() => {}).finally(() => running.delete(over));
        running.add(over);
        return work;
      },
    ]);
    runner = await run({
      pgPool: options.pool,
      taskList: Object.fromEntries(tasks),
      concurrency: options.concurrency,
      noHandleSignals: true,
      pollInterval: 500,
      events,
      logger: graphileLogger(options.logger),
      // With a delay, completions are not awaited at the stop, and leave their jobs locked.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    });
    if (stopping.signal.aborted) await runner.stop();
    runner.promise.catch(() => {});
    await Promise.race([runner.promise, ended.promise]);
  }

  const looping = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await runOnce();
        if (!stopping.signal.aborted) options.logger.warn('the job runner has ended; it begins again');
      } catch (error) {
        // That the database is away is told by whoever keeps a session with it.
        const level = isConnectionError(error) ? 'debug' : 'warn';
        if (!stopping.signal.aborted)
          options.logger[level]({ err: error }, 'the job runner has failed; it begins again');
      }
      runner = undefined;
      await delay(500, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();

  return {
    started: started.promise,
    async stop() {
      stopping.abort();
      const stopped = runner?.stop().catch(() => {});
      await Promise.all(running);
      await Promise.race([stopped, delay(lastWritesMs)]);
      await looping;
    },
  };
}

function graphileLogger(logger: Logger): GraphileLogger {
  const levels = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;
  return new GraphileLogger(() => (level, message, meta) => {
    const error = meta?.error;
    logger[levels[level]](error === undefined ? {} : { err: error }, message);
  });
}
