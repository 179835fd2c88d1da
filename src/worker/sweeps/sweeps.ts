import { isConnectionError } from '../../db/connection-error.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { runEvery } from '../../run-every.ts';
import type { SandboxProvider } from '../../sandbox/provider.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { acquireSweepTurn } from '../../tasks/store/sweep-turns.ts';
import type { ActiveTasks } from '../active-tasks.ts';
import type { Heartbeat } from '../liveness/heartbeat.ts';
import { reclaimDeadWorkers } from '../liveness/reclaim.ts';
import type { Locations } from '../locations.ts';
import type { WebhookDeliveries } from '../webhooks/webhook-deliveries.ts';
import { sweepLeases } from './leases.ts';
import { sweepLocations } from './locations.ts';
import { sweepOverdue } from './overdue.ts';
import { sweepSandboxes } from './sandboxes.ts';

export interface SweepDependencies {
  readonly db: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly providers: Providers;
  readonly locations: Locations;
  readonly heartbeat: Heartbeat;
  readonly activeTasks: ActiveTasks;
  readonly deliveries: WebhookDeliveries;
}

/** What a worker does again and again until it stops, so that nothing depends on a job, a notification or a reply alone. */
export class Sweeps {
  readonly #dependencies: SweepDependencies;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(dependencies: SweepDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { db, logger, providers, locations, heartbeat, activeTasks, deliveries } = this.#dependencies;
    const { signal } = this.#stopping;
    this.#running = Promise.all([
      this.#every(250, 'workers', () => reclaimDeadWorkers(db, heartbeat, this.#dependencies)),
      this.#every(500, 'leases', () => sweepLeases(db, heartbeat.workerId, activeTasks)),
      this.#every(2_000, 'webhooks', () => deliveries.resume()),
      this.#oncePerCluster(2_000, 'overdue', () => sweepOverdue(db, logger)),
      this.#oncePerCluster(60_000, 'locations', () => sweepLocations(db, logger)),
      ...providers.names.map((name) => {
        const location = locations.get(name) ?? null;
        const sweep = { db, provider: providers.get(name) as SandboxProvider, location, logger, signal };
        const turn = ['sandboxes', name, ...(location === null ? [] : [location])].join(' ');
        return this.#oncePerCluster(15_000, turn, () => sweepSandboxes(sweep));
      }),
    ]);
  }

  /** Resolves once no sweep runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #every(ms: number, name: string, sweep: () => Promise<void>): Promise<void> {
    return runEvery(ms, this.#stopping.signal, sweep, (error) => {
      const level = isConnectionError(error) ? 'debug' : 'error';
      this.#dependencies.logger[level]({ err: error, sweep: name }, 'sweep failed');
    });
  }

  #oncePerCluster(ms: number, name: string, sweep: () => Promise<void>): Promise<void> {
    return this.#every(1_000, name, async () => {
      if (await acquireSweepTurn(this.#dependencies.db, name, ms)) await sweep();
    });
  }
}
