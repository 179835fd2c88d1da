import { setTimeout as delay } from 'node:timers/promises';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Database } from '../../tables/database.ts';
import { hasSuspectWorkers, reclaimFromDeadWorkers } from '../../tasks/store/worker-registry.ts';
import type { Heartbeat } from './heartbeat.ts';

/**
 * Milliseconds for which a worker must have had an unbroken heartbeat before it declares others dead: an outage that hit it
 * probably hit them too.
 */
const minStableMs = 3_000;

/** Takes over the tasks of workers that are dead. */
export async function reclaimDeadWorkers(db: Database, heartbeat: Heartbeat, logger: Logger): Promise<void> {
  const isStable = heartbeat.stableForMs > minStableMs;
  const reclaimed = await reclaimFromDeadWorkers(db, heartbeat.workerId, {
    detectKilled: isStable || !heartbeat.connectionWasLost,
    detectHung: isStable,
  });
  if (reclaimed.workers.length > 0) logger.warn(reclaimed, 'took over the tasks of dead workers');
}

/** Milliseconds: more than it takes until a worker counts as dead that was killed just before this one was started. */
const deadWorkerGraceMs = 1_500;
const deadWorkerPollMs = 50;

/**
 * Takes over the tasks of killed workers before this worker takes any job, so that interrupted work runs before queued work
 * fills all slots. Costs nothing when every worker is alive.
 */
export async function reclaimKilledWorkers(
  db: Database,
  workerId: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + deadWorkerGraceMs;
  do {
    const detect = { detectKilled: true, detectHung: false };
    await retryWhileUnavailable(() => reclaimFromDeadWorkers(db, workerId, detect), signal);
    if (!(await retryWhileUnavailable(() => hasSuspectWorkers(db), signal))) return;
    await delay(deadWorkerPollMs, undefined, { signal });
  } while (performance.now() < deadline);
}
