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
import type { Logger } from '../log.ts';

export interface JobRunner {
  stop(): Promise<void>;
}

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
  let runner: Runner | undefined;

  async function runOnce(): Promise<void> {
    const events = new EventEmitter() as WorkerEvents;
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    events.on(
      'pool:create',
      ({ workerPool }) => void options.onPool(workerPool.id).then(ready.resolve, ready.reject),
    );
    const tasks = Object.entries(options.tasks).map(([name, task]) => [
      name,
      async (...args: Parameters<NonNullable<typeof task>>) => {
        await ready.promise;
        return task?.(...args);
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
    await runner.promise;
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await runOnce();
        if (!stopping.signal.aborted) options.logger.warn('the job runner has ended; it begins again');
      } catch (error) {
        if (!stopping.signal.aborted)
          options.logger.warn({ err: error }, 'the job runner has failed; it begins again');
      }
      runner = undefined;
      await delay(500, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();

  return {
    async stop() {
      stopping.abort();
      await runner?.stop().catch(() => {});
      await running;
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
