import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { ConnectionPool } from '../../db/connection-pool.ts';
import { PersistentConnection } from '../../db/persistent-connection.ts';
import type { Logger } from '../../log.ts';
import { recordHeartbeat, registerWorker } from '../../tasks/store/worker-registry.ts';
import { ClockWatch } from './clock-watch.ts';
import { ownProcess } from './host-process.ts';

const heartbeatMs = 400;
/** Milliseconds between two heartbeats that count as a gap. */
const gapMs = 2_000;

export interface HeartbeatOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Of the same process; see `PersistentConnection`. */
  readonly pool?: ConnectionPool | undefined;
  /** Of which this worker reaches the sandboxes. */
  readonly locations: readonly string[];
}

/** Shows the other workers that this one is alive: its row, its advisory lock and its heartbeat (`worker-registry.ts`). */
export class Heartbeat {
  readonly #logger: Logger;
  readonly #connection: PersistentConnection;
  readonly #poolIds: string[] = [];
  /** How many of the pools the worker's row names. */
  #storedPools = 0;
  /** Reads the database's clock with each heartbeat. */
  readonly clockWatch = new ClockWatch();
  #workerId = randomUUID();
  #isRegistered = false;
  #hasLock = false;
  #connections = 0;
  #stableSince = performance.now();
  #lastHeartbeatAt = this.#stableSince;
  /** Resolved by the next heartbeat. */
  #nextHeartbeat = Promise.withResolvers<void>();

  constructor(options: HeartbeatOptions) {
    this.#logger = options.logger;
    this.#connection = new PersistentConnection({
      ...options,
      name: 'worker',
      intervalMs: heartbeatMs,
      timeoutMs: 5_000,
      setUp: async (client) => {
        this.#connections += 1;
        this.#hasLock = false;
        if (!this.#isRegistered) {
          const { locations } = options;
          const worker = { workerId: this.#workerId, poolIds: this.#poolIds, locations };
          await registerWorker(client, worker, await ownProcess());
          this.#isRegistered = true;
        }
        await this.#heartbeat(client);
        this.#stableSince = performance.now();
      },
      probe: (client) => this.#heartbeat(client),
    });
  }

  /** Changes when the worker was declared dead and has re-registered. */
  get workerId(): string {
    return this.#workerId;
  }

  /** Milliseconds since the heartbeat last had a gap. */
  get stableForMs(): number {
    const now = performance.now();
    // A gap is only visible once it ends; until then, use the last heartbeat.
    return now - this.#lastHeartbeatAt > gapMs ? 0 : now - this.#stableSince;
  }

  /**
   * Whether our connection was ever lost. Then other workers may have lost theirs too, and a free lock proves nothing.
   */
  get connectionWasLost(): boolean {
    return this.#connections > 1;
  }

  /**
   * Names one more pool that locks jobs for this worker. Resolves once that is stored: from then on others can free the
   * pool's jobs if this process is killed. Connects at the first call.
   */
  async attachPool(poolId: string): Promise<void> {
    const pools = this.#poolIds.push(poolId);
    await this.#connection.start();
    // A heartbeat that was under way before does not name this pool.
    while (this.#storedPools < pools) await this.#nextHeartbeat.promise;
  }

  stop(): Promise<void> {
    return this.#connection.stop();
  }

  async #heartbeat(client: Client): Promise<void> {
    // PostgreSQL may still hold the lock for our previous connection. Retry at each heartbeat; until then only the heartbeat
    // shows that we are alive.
    const poolIds = [...this.#poolIds];
    const askedAt = performance.now();
    const recorded = await recordHeartbeat(client, {
      workerId: this.#workerId,
      poolIds,
      hasLock: this.#hasLock,
    });
    if (!recorded) this.#reRegister();
    this.#hasLock = recorded.hasLock;
    this.#storedPools = poolIds.length;
    const now = performance.now();
    this.clockWatch.read({ databaseMs: recorded.databaseMs, askedAt, answeredAt: now });
    if (now - this.#lastHeartbeatAt > gapMs) this.#stableSince = now;
    this.#lastHeartbeatAt = now;
    this.#nextHeartbeat.resolve();
    this.#nextHeartbeat = Promise.withResolvers();
  }

  /** Our tasks have been reassigned. Register under a new id; never reuse the old one. */
  #reRegister(): never {
    this.#logger.warn(
      { workerId: this.#workerId },
      'this worker was declared dead; it registers under a new id',
    );
    this.#workerId = randomUUID();
    this.#isRegistered = false;
    throw new Error('This worker was declared dead.');
  }
}
