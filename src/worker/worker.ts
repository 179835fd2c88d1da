import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from 'graphile-worker';
import type { Config } from '../config.ts';
import { retryWhileUnavailable } from '../db/retry.ts';
import { listRemote } from '../git/remote.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Providers } from '../sandbox/registry.ts';
import type { Database } from '../tables/database.ts';
import { type JobName, jobNameAt, jobs } from '../tasks/store/jobs.ts';
import { takeOverSandboxes } from '../tasks/store/sandbox-ledger.ts';
import { TaskWrites } from '../tasks/store/task-writes.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { deregisterWorker, reclaimFromAllWorkers } from '../tasks/store/worker-registry.ts';
import { ActiveTasks } from './active-tasks.ts';
import { Followers } from './conversations/followers.ts';
import { JobRunner } from './job-runner.ts';
import { Heartbeat } from './liveness/heartbeat.ts';
import { ownProcess } from './liveness/host-process.ts';
import { reclaimKilledWorkers } from './liveness/reclaim.ts';
import type { Locations } from './locations.ts';
import {
  type MaintenanceDependencies,
  maintenanceCron,
  runDeleteClosedTasks,
  runDeleteExpiredRecords,
  runDeleteWebhookDeliveries,
} from './maintenance.ts';
import { requireOwnDataFolder } from './own-data-folder.ts';
import { provisionTask } from './provisioning/provision-task.ts';
import type { ProvisionDependencies } from './provisioning/provisioning.ts';
import { SharedListings } from './provisioning/shared-listings.ts';
import { releaseSandbox } from './release-sandbox.ts';
import { Sweeps } from './sweeps/sweeps.ts';
import { WebhookDeliveries } from './webhooks/webhook-deliveries.ts';

export interface WorkerOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly db: Database;
  readonly listener: WakeUpListener;
  readonly providers: Providers;
  readonly locations: Locations;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether no other process uses the database. Then every worker that is registered in it is dead. */
  readonly exclusive: boolean;
}

/** Connections of the pool on which the runners of jobs listen, for as long as they run. */
export const listeningConnections = 3;

/** Sandboxes that are released at once, in addition to the jobs that `GROUNDCREW_CONCURRENCY` counts. */
const releaseConcurrency = 10;

/** Jobs of webhooks that run at once. Each only starts what sends, so that a few are enough. */
const deliverConcurrency = 3;

// Together less than ten seconds, the time that `stop` may take.
/** Milliseconds for running attempts to end by themselves before they are interrupted. */
const graceMs = 3_000;
/** Milliseconds to store that they were interrupted. */
const interruptTimeoutMs = 4_000;
const deregisterTimeoutMs = 1_500;

/** Provisions tasks, releases sandboxes, sends to webhooks, and takes over from workers that are dead. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #draining = new AbortController();
  readonly #interrupt = new AbortController();
  readonly #activeTasks = new ActiveTasks();
  readonly #heartbeat: Heartbeat;
  readonly #deliveries: WebhookDeliveries;
  readonly #runners: readonly JobRunner[];
  readonly #sweeps: Sweeps;
  readonly #followers: Followers;
  #unsubscribe = () => {};

  constructor(options: WorkerOptions) {
    const { databaseUrl, db, logger } = options;
    const locations = [...new Set(options.locations.values())];
    this.#options = options;
    this.#heartbeat = new Heartbeat({ url: databaseUrl, pool: db.pool, locations, logger });
    this.#deliveries = new WebhookDeliveries({
      db,
      logger,
      metrics: options.metrics,
      allowPrivate: options.config.allowPrivateWebhooks,
      workerId: () => this.#heartbeat.workerId,
      draining: this.#draining.signal,
      interrupt: this.#interrupt.signal,
    });
    this.#runners = this.#createRunners();
    this.#followers = new Followers({ ...options, locations, workerId: () => this.#heartbeat.workerId });
    this.#sweeps = new Sweeps({
      ...options,
      heartbeat: this.#heartbeat,
      activeTasks: this.#activeTasks,
      deliveries: this.#deliveries,
    });
  }

  /** Resolves once it takes jobs. */
  async start(): Promise<void> {
    const { db, listener, locations, logger, exclusive } = this.#options;
    this.#unsubscribe = listener.subscribe({
      wakeUp: ({ taskId, epoch }) => this.#activeTasks.lost(taskId, epoch),
    });
    const { signal } = this.#draining;
    if (exclusive) {
      for (const [provider, location] of locations)
        await retryWhileUnavailable(() => takeOverSandboxes(db, provider, location), signal);
      const tasks = await retryWhileUnavailable(() => reclaimFromAllWorkers(db), signal);
      if (tasks.length > 0) logger.info({ tasks }, 'took over the tasks of the previous process');
    } else {
      await this.#requireOwnDataFolder();
      await reclaimKilledWorkers(db, this.#heartbeat.workerId, this.#options, signal);
    }
    await Promise.all(this.#runners.map((runner) => runner.start()));
    this.#sweeps.start();
    this.#followers.start();
  }

  /** Takes no more jobs, lets running attempts end or interrupts them, and leaves no job locked. Within ten seconds. */
  async stop(): Promise<void> {
    const reason = new Error('The worker is stopping.');
    this.#draining.abort(reason);
    const timer = setTimeout(() => this.#interrupt.abort(reason), graceMs);
    // Without a database the interruption cannot be stored; the worker that reclaims the tasks records it then.
    const timeUp = delay(graceMs + interruptTimeoutMs, undefined, { ref: false });
    const runnersStopped = Promise.all(this.#runners.map((runner) => runner.stop()));
    await Promise.race([runnersStopped.then(() => this.#deliveries.stop()), timeUp]);
    clearTimeout(timer);
    this.#interrupt.abort(reason);
    this.#unsubscribe();
    const tooLate = delay(deregisterTimeoutMs, undefined, { ref: false });
    await Promise.race([this.#deregister(), tooLate]).catch((error: unknown) => {
      this.#options.logger.debug(
        { err: error },
        'could not deregister; other workers will declare this one dead',
      );
    });
  }

  async #requireOwnDataFolder(): Promise<void> {
    const { db, logger } = this.#options;
    const locations = [...new Set(this.#options.locations.values())];
    const host = (await ownProcess())?.host;
    // Where hosts cannot be told apart, a sweep of other workers may still find it.
    if (host === undefined || locations.length === 0) return;
    await requireOwnDataFolder({ db, logger, locations, host, signal: this.#draining.signal });
  }

  async #deregister(): Promise<void> {
    await Promise.all([this.#sweeps.stop(), this.#followers.stop()]);
    await this.#heartbeat.stop();
    await deregisterWorker(this.#options.db, this.#heartbeat.workerId);
  }

  /**
   * Separate runners: releases must not wait for provisioning slots, and a hanging destroySandbox must block neither
   * provisioning nor webhooks. Maintenance runs in the slots of releases.
   */
  #createRunners(): JobRunner[] {
    const { config, db, logger } = this.#options;
    const { provisionTask, releaseSandbox, deliverWebhook, ...others } = this.#tasks();
    const places = [...new Set(this.#options.locations.values())];
    const at = (name: 'provisionTask' | 'releaseSandbox', task: Task) => ({
      [name]: task,
      ...Object.fromEntries(places.map((location) => [jobNameAt(name, location), task])),
    });
    const shared = {
      pool: db.pool,
      logger,
      onPool: (poolId: string) => this.#heartbeat.attachPool(poolId),
    };
    return [
      new JobRunner({
        ...shared,
        tasks: at('provisionTask', provisionTask),
        concurrency: config.concurrency,
      }),
      new JobRunner({
        ...shared,
        tasks: { ...at('releaseSandbox', releaseSandbox), ...others },
        concurrency: releaseConcurrency,
        cronItems: maintenanceCron(config.retentionDays),
      }),
      new JobRunner({ ...shared, tasks: { deliverWebhook }, concurrency: deliverConcurrency }),
    ];
  }

  #tasks(): Record<JobName, Task> {
    const { config, db } = this.#options;
    const { stepTimeoutMs, stepMaxAttempts, retryBaseMs, retentionDays, allowLocalRepos } = config;
    const signals = { draining: this.#draining.signal, interrupt: this.#interrupt.signal };
    const provision: ProvisionDependencies = {
      ...this.#options,
      ...signals,
      activeTasks: this.#activeTasks,
      writes: new TaskWrites(db, (count) => this.#options.metrics.batchRun('change', count)),
      workerId: () => this.#heartbeat.workerId,
      listings: new SharedListings({
        list: (repoUrl, signal) => listRemote(repoUrl, { allowLocal: allowLocalRepos, signal }),
        now: () => db.clock.nowMs(),
      }),
      stepTimeoutMs,
      stepMaxAttempts,
      retryBaseMs,
    };
    const maintenance: MaintenanceDependencies = {
      ...this.#options,
      ...signals,
      pool: db.pool,
      retentionDays,
    };
    return {
      provisionTask: (payload) => provisionTask(jobs.provisionTask.parse(payload).taskId, provision),
      releaseSandbox: (payload) => releaseSandbox(jobs.releaseSandbox.parse(payload).key, provision),
      deliverWebhook: (payload) => this.#deliveries.deliver(jobs.deliverWebhook.parse(payload).webhookId),
      deleteWebhookDeliveries: (payload) =>
        runDeleteWebhookDeliveries(jobs.deleteWebhookDeliveries.parse(payload).webhookId, maintenance),
      deleteClosedTasks: () => runDeleteClosedTasks(maintenance),
      deleteExpiredRecords: () => runDeleteExpiredRecords(maintenance),
    };
  }
}
