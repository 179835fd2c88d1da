import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { openPersistentConnection } from '../../db/persistent-connection.ts';
import type { Logger } from '../../log.ts';
import { workerLockClass } from '../../tasks/store/worker-registry.ts';

export interface Heartbeat {
  /** Says under which id the jobs of this worker are locked. Resolves once it is registered. */
  attachPool(poolId: string): Promise<void>;
  stop(): Promise<void>;
  /** Changes when the worker was given up for dead, and has come back as another one. */
  readonly workerId: string;
  /** Milliseconds for which its signs of life have come without a gap. */
  stableForMs(): number;
  /** Whether its session was ever lost. When the database went away, it did so for all the others too. */
  readonly connectionWasLost: boolean;
}

const heartbeatMs = 400;
const gapMs = 2_000;

/**
 * A worker's place among the living: a row with a heartbeat, and an advisory lock on a connection of its own. The lock is
 * free within milliseconds of the process's end; the heartbeat tells of one that hangs.
 */
export function createHeartbeat(options: { url: string; logger: Logger }): Heartbeat {
  const { logger } = options;
  const poolIds: string[] = [];
  let workerId = randomUUID();
  let registered = false;
  let locked = false;
  let sessions = 0;
  let stableSince = performance.now();
  let lastHeartbeat = stableSince;

  /** Resolved by the next sign of life. */
  let nextHeartbeat = Promise.withResolvers<void>();

  const session = openPersistentConnection({
    url: options.url,
    logger,
    name: 'worker',
    intervalMs: heartbeatMs,
    timeoutMs: 5_000,
    async begin(client) {
      sessions += 1;
      locked = false;
      if (!registered) {
        await client.query('insert into worker (id, pool_ids) values ($1, $2) on conflict (id) do nothing', [
          workerId,
          poolIds,
        ]);
        registered = true;
      }
      await heartbeat(client);
      stableSince = performance.now();
    },
    beat: heartbeat,
  });

  async function heartbeat(client: Client): Promise<void> {
    // The server may still keep the lock for a session of ours that it does not know to be lost: it is tried again, and the
    // heartbeat speaks for us meanwhile.
    const { rows } = await client.query<{ locked: boolean }>(
      `update worker set heartbeat_at = now(), pool_ids = $2 where id = $1
       returning $3 or pg_try_advisory_lock($4, lock) as locked`,
      [workerId, poolIds, locked, workerLockClass],
    );
    if (!rows[0]) reRegister();
    locked = rows[0].locked;
    const now = performance.now();
    if (now - lastHeartbeat > gapMs) stableSince = now;
    lastHeartbeat = now;
    nextHeartbeat.resolve();
    nextHeartbeat = Promise.withResolvers();
  }

  /** Its tasks are somebody else's by now, and its old name is not to be used again. */
  function reRegister(): never {
    logger.warn({ workerId }, 'this worker was given up for dead, and begins anew');
    workerId = randomUUID();
    registered = false;
    throw new Error('the worker was given up for dead');
  }

  return {
    async attachPool(poolId) {
      poolIds.push(poolId);
      // Jobs of a pool that nobody knows would stay locked, were this process killed now.
      const written = nextHeartbeat.promise;
      await session.start();
      await written;
    },
    stop: () => session.stop(),
    get workerId() {
      return workerId;
    },
    // A gap shows at its end; until then the last sign of life is all there is.
    stableForMs: () => {
      const now = performance.now();
      return now - lastHeartbeat > gapMs ? 0 : now - stableSince;
    },
    get connectionWasLost() {
      return sessions > 1;
    },
  };
}
