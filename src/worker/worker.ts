import { setTimeout as delay } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Task } from 'graphile-worker';
import { Pool } from 'pg';
import type { Config } from '../config.ts';
import { isConnectionError } from '../db/connection-error.ts';
import { answerTimeoutMs, applicationName } from '../db/orm.ts';
import { PreparedClient } from '../db/prepared-client.ts';
import { repeat } from '../db/repeat.ts';
import type { Logger } from '../log.ts';
import type { Listener } from '../realtime/listener.ts';
import type { Providers } from '../sandbox/registry.ts';
import { type JobName, jobs } from '../tasks/jobs.ts';
import { claimSweep } from '../tasks/sweep-claim.ts';
import { forgetWorker, rescueFromAllWorkers } from '../tasks/worker-registry.ts';
import { Holds } from './holds.ts';
import { type JobRunner, startJobRunner } from './job-runner.ts';
import { provisionTask } from './provision-task.ts';
import type { ProvisionDependencies } from './provisioning.ts';
import { createRegistration } from './registration.ts';
import { releaseSandbox } from './release-sandbox.ts';
import { sweepForgotten, sweepLeases, sweepSandboxes, sweepWorkers, takeOver } from './sweep.ts';

export interface WorkerOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly orm: MikroORM;
  readonly listener: Listener;
  readonly providers: Providers;
  readonly logger: Logger;
  /** Whether no other process uses the database: all workers that stand in it are dead, then. */
  readonly alone: boolean;
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
const handOverMs = 4_000;
const signOffMs = 1_500;

export function createWorker(options: WorkerOptions): Worker {
  const { config, databaseUrl, orm, listener, providers, logger } = options;
  const em = () => orm.em.fork() as EntityManager;
  const holds = new Holds();
  const stopping = new AbortController();
  const handOver = new AbortController();
  const sweeping = new AbortController();
  const registration = createRegistration({ url: databaseUrl, logger });
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
    em,
    logger,
    providers,
    holds,
    allowLocalRepos: config.allowLocalRepos,
    workerId: () => registration.workerId,
    stepTimeoutMs: config.stepTimeoutMs,
    stepMaxAttempts: config.stepMaxAttempts,
    retryBaseMs: config.retryBaseMs,
    stopping: stopping.signal,
    handOver: handOver.signal,
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
    const sweep = { em, logger, providers, registration, holds };
    const every = (ms: number, name: string, work: () => Promise<void>) =>
      repeat(ms, sweeping.signal, work, (error) =>
        logger[isConnectionError(error) ? 'debug' : 'error']({ err: error, sweep: name }, 'sweep failed'),
      );
    const onceForAll = (name: string, ms: number, work: () => Promise<void>) =>
      every(1_000, name, async () => {
        if (await claimSweep(em(), name, ms)) await work();
      });
    sweeps = Promise.all([
      every(250, 'workers', () => sweepWorkers(sweep)),
      every(500, 'leases', () => sweepLeases(sweep)),
      onceForAll('forgotten', 2_000, () => sweepForgotten(sweep)),
      onceForAll('sandboxes', 15_000, () => sweepSandboxes(sweep, sweeping.signal)),
    ]);
  }

  return {
    async start() {
      unsubscribe = listener.subscribe({ wakeUp: ({ taskId, epoch }) => holds.lost(taskId, epoch) });
      if (options.alone) {
        const rescued = await rescueFromAllWorkers(em());
        if (rescued.tasks.length > 0) logger.info(rescued, 'going on with what was under way');
      } else await takeOver(em, registration.workerId, stopping.signal);
      runners = Object.entries(work).map(([name, { run, concurrency }]) =>
        startJobRunner({ pool, tasks: { [name]: run }, concurrency, logger, onPool: registration.usePool }),
      );
      await Promise.all(runners.map(({ started }) => started));
      startSweeps();
    },
    async stop() {
      const reason = new Error('the worker is stopping');
      stopping.abort(reason);
      const timer = setTimeout(() => handOver.abort(reason), graceMs);
      // Without a database nothing can be handed over: whoever comes next takes it.
      const timeUp = delay(graceMs + handOverMs, undefined, { ref: false });
      await Promise.race([Promise.all(runners.map((runner) => runner.stop())), timeUp]);
      clearTimeout(timer);
      handOver.abort(reason);
      unsubscribe();
      sweeping.abort();
      const signOff = async () => {
        await sweeps;
        await registration.stop();
        await forgetWorker(em(), registration.workerId);
        await pool.end();
      };
      await Promise.race([signOff(), delay(signOffMs, undefined, { ref: false })]).catch((error: unknown) => {
        logger.debug({ err: error }, 'could not sign off; the other workers will notice');
      });
    },
  };
}
