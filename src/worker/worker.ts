import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from 'graphile-worker';
import { Pool } from 'pg';
import type { Config } from '../config.ts';
import { answerTimeoutMs, applicationName } from '../db/connection.ts';
import { isConnectionError } from '../db/connection-error.ts';
import { PreparedClient } from '../db/prepared-client.ts';
import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Providers } from '../sandbox/registry.ts';
import type { Database } from '../tables/database.ts';
import { type JobName, jobs } from '../tasks/store/jobs.ts';
import { acquireSweepTurn } from '../tasks/store/sweep-turns.ts';
import type { Listener } from '../tasks/store/wake-up-listener.ts';
import { deregisterWorker, reclaimFromAllWorkers } from '../tasks/store/worker-registry.ts';
import { ActiveTasks } from './active-tasks.ts';
import { type JobRunner, startJobRunner } from './job-runner.ts';
import { createHeartbeat } from './liveness/heartbeat.ts';
import { provisionTask } from './provisioning/provision-task.ts';
import type { ProvisionDependencies } from './provisioning/provisioning.ts';
import { releaseSandbox } from './release-sandbox.ts';
import {
  reclaimKilledWorkers,
  sweepLeases,
  sweepOverdue,
  sweepSandboxes,
  sweepWorkers,
} from './sweeps/sweeps.ts';

export interface WorkerOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly db: Database;
  readonly listener: Listener;
  readonly providers: Providers;
  readonly logger: Logger;
  /** Whether no other process uses the database: all workers that stand in it are dead, then. */
  readonly exclusive: boolean;
}

export interface Worker {
  /** Resolves once it takes jobs. */
  start(): Promise<void>;
  /** Takes no more jobs, lets running steps end or hands them over, and leaves no job locked. Within ten seconds. */
  stop(): Promise<void>;
}

/** Sandboxes that are released at once, beside the jobs that `GROUNDCREW_CONCURRENCY` counts. */
const releaseConcurrency = 10;

/** Milliseconds that running steps have to end by themselves before they are handed over. */
const graceMs = 3_000;
/** Milliseconds to write down that they were. */
const interruptTimeoutMs = 4_000;
const deregisterTimeoutMs = 1_500;

export function createWorker(options: WorkerOptions): Worker {
  const { config, databaseUrl, db, listener, providers, logger } = options;
  const activeTasks = new ActiveTasks();
  const draining = new AbortController();
  const interrupt = new AbortController();
  const sweeping = new AbortController();
  const heartbeat = createHeartbeat({ url: databaseUrl, logger });
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: `${applicationName} jobs`,
    // Each runner keeps one to listen on.
    max: Math.min(config.concurrency, 10) + 2,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    query_timeout: answerTimeoutMs,
    Client: PreparedClient,
  });
  // Without listeners, the loss of a connection would end the process, also of one that is idle, or in use.
  const onLost = (error: Error) => logger.debug({ err: error }, 'database connection of the jobs lost');
  pool.on('error', onLost);
  pool.on('connect', (client) => client.on('error', onLost));

  const dependencies: ProvisionDependencies = {
    db,
    logger,
    providers,
    activeTasks,
    allowLocalRepos: config.allowLocalRepos,
    workerId: () => heartbeat.workerId,
    stepTimeoutMs: config.stepTimeoutMs,
    stepMaxAttempts: config.stepMaxAttempts,
    retryBaseMs: config.retryBaseMs,
    draining: draining.signal,
    interrupt: interrupt.signal,
  };
  // Neither waits for the other: a sandbox is released while all slots are taken, and tasks get there beside a provider
  // that does not let go of its sandboxes.
  const work = {
    provisionTask: {
      run: (payload) => provisionTask(jobs.provisionTask.parse(payload).taskId, dependencies),
      concurrency: config.concurrency,
    },
    releaseSandbox: {
      run: (payload) => releaseSandbox(jobs.releaseSandbox.parse(payload).key, dependencies),
      concurrency: releaseConcurrency,
    },
  } as const satisfies Record<JobName, { run: Task; concurrency: number }>;

  let runners: readonly JobRunner[] = [];
  let unsubscribe = () => {};
  let sweeps: Promise<unknown> = Promise.resolve();

  function startSweeps(): void {
    const sweep = { db, logger, providers, heartbeat, activeTasks };
    const every = (ms: number, name: string, work: () => Promise<void>) =>
      runEvery(ms, sweeping.signal, work, (error) =>
        logger[isConnectionError(error) ? 'debug' : 'error']({ err: error, sweep: name }, 'sweep failed'),
      );
    const oncePerCluster = (name: string, ms: number, work: () => Promise<void>) =>
      every(1_000, name, async () => {
        if (await acquireSweepTurn(db, name, ms)) await work();
      });
    sweeps = Promise.all([
      every(250, 'workers', () => sweepWorkers(sweep)),
      every(500, 'leases', () => sweepLeases(sweep)),
      oncePerCluster('forgotten', 2_000, () => sweepOverdue(sweep)),
      oncePerCluster('sandboxes', 15_000, () => sweepSandboxes(sweep, sweeping.signal)),
    ]);
  }

  return {
    async start() {
      unsubscribe = listener.subscribe({ wakeUp: ({ taskId, epoch }) => activeTasks.lost(taskId, epoch) });
      if (options.exclusive) {
        const rescued = await reclaimFromAllWorkers(db);
        if (rescued.tasks.length > 0) logger.info(rescued, 'going on with what was under way');
      } else await reclaimKilledWorkers(db, heartbeat.workerId, draining.signal);
      runners = Object.entries(work).map(([name, { run, concurrency }]) =>
        startJobRunner({ pool, tasks: { [name]: run }, concurrency, logger, onPool: heartbeat.attachPool }),
      );
      await Promise.all(runners.map(({ started }) => started));
      startSweeps();
    },
    async stop() {
      const reason = new Error('the worker is stopping');
      draining.abort(reason);
      const timer = setTimeout(() => interrupt.abort(reason), graceMs);
      // Without a database nothing can be handed over: whoever comes next takes it.
      const timeUp = delay(graceMs + interruptTimeoutMs, undefined, { ref: false });
      await Promise.race([Promise.all(runners.map((runner) => runner.stop())), timeUp]);
      clearTimeout(timer);
      interrupt.abort(reason);
      unsubscribe();
      sweeping.abort();
      const signOff = async () => {
        await sweeps;
        await heartbeat.stop();
        await deregisterWorker(db, heartbeat.workerId);
        await pool.end();
      };
      await Promise.race([signOff(), delay(deregisterTimeoutMs, undefined, { ref: false })]).catch(
        (error: unknown) => {
          logger.debug({ err: error }, 'could not sign off; the other workers will notice');
        },
      );
    },
  };
}
