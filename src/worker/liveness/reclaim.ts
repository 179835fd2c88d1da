import { setTimeout as delay } from 'node:timers/promises';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Database } from '../../tables/database.ts';
import { findSuspectWorkers, reclaimFromDeadWorker } from '../../tasks/store/worker-registry.ts';
import { ClockWatch } from './clock-watch.ts';
import type { Heartbeat } from './heartbeat.ts';
import { stateOf } from './host-process.ts';
import { type Observer, verdictOn } from './verdict.ts';

/** Where it is said that a worker was declared dead. */
export interface ReclaimRecord {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'tasksReclaimed'>;
}

/** Takes over the tasks of workers that are dead. */
export async function reclaimDeadWorkers(
  db: Database,
  heartbeat: Pick<Heartbeat, 'workerId' | 'stableForMs' | 'connectionWasLost' | 'clockWatch'>,
  record: ReclaimRecord,
): Promise<void> {
  const { workerId, stableForMs, connectionWasLost, clockWatch } = heartbeat;
  const observer = { stableForMs, connectionWasLost, isStarting: false };
  await reclaimDeadSuspects(db, workerId, observer, clockWatch, record);
}

/** Milliseconds: more than it takes until a worker counts as dead that was killed just before this one was started. */
const graceMs = 1_500;
const pollMs = 50;

/**
 * Takes over the tasks of killed workers before this worker takes any job, so that interrupted work runs before queued work
 * fills all slots. Costs nothing when every worker is alive.
 */
export async function reclaimKilledWorkers(
  db: Database,
  workerId: string,
  record: ReclaimRecord,
  signal: AbortSignal,
): Promise<void> {
  const observer = { stableForMs: 0, connectionWasLost: false, isStarting: true };
  const clockWatch = new ClockWatch();
  const deadline = performance.now() + graceMs;
  const isUndecided = () =>
    retryWhileUnavailable(() => reclaimDeadSuspects(db, workerId, observer, clockWatch, record), signal);
  while ((await isUndecided()) && performance.now() < deadline) await delay(pollMs, undefined, { signal });
}

/** Whether a worker remains that may have been killed although nothing proves it yet. */
async function reclaimDeadSuspects(
  db: Database,
  workerId: string,
  observer: Observer,
  clockWatch: ClockWatch,
  { logger, metrics }: ReclaimRecord,
): Promise<boolean> {
  let isUndecided = false;
  const askedAt = performance.now();
  const suspects = await findSuspectWorkers(db, workerId);
  const [first] = suspects;
  if (first) {
    clockWatch.read({ databaseMs: first.databaseMs, askedAt, answeredAt: performance.now() });
  }
  for (const found of suspects) {
    const suspect = { ...found, heartbeatAgeMs: clockWatch.silenceOf(found.heartbeatAgeMs) };
    const process = await stateOf(suspect.process);
    const verdict = verdictOn(suspect, process, observer);
    if (verdict === 'undecided') {
      isUndecided ||= suspect.isLockFree && process !== 'alive';
      continue;
    }
    const keepsAttempts = verdict === 'lostInOutage';
    const tasks = await reclaimFromDeadWorker(db, suspect, { keepsAttempts });
    if (!tasks) continue;
    metrics.tasksReclaimed(tasks.length);
    logger.warn({ worker: suspect.id, verdict, tasks }, 'declared a worker dead and took over its tasks');
  }
  return isUndecided;
}
