import { setTimeout as delay } from 'node:timers/promises';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { deleteExpiredKeys } from '../../tasks/store/idempotency-keys.ts';
import { requeueRelease, requeueStuckReleases } from '../../tasks/store/sandbox-ledger.ts';
import { freeOrphanedLease, leasesOf, requeueOverdueTasks } from '../../tasks/store/task-leases.ts';
import { hasSuspectWorkers, reclaimFromDeadWorkers } from '../../tasks/store/worker-registry.ts';
import type { ActiveTasks } from '../active-tasks.ts';
import { runAttempt } from '../attempt.ts';
import type { Heartbeat } from '../liveness/heartbeat.ts';

export interface SweepDependencies {
  readonly db: Database;
  readonly logger: Logger;
  readonly providers: Providers;
  readonly heartbeat: Heartbeat;
  readonly activeTasks: ActiveTasks;
}

/** Milliseconds that a worker has to have been well itself before it judges others: after it was cut off, so were they. */
const minStableMs = 3_000;
const listTimeoutMs = 10_000;

/** Takes over from workers that are gone. */
export async function sweepWorkers({ db, logger, heartbeat }: SweepDependencies): Promise<void> {
  const steady = heartbeat.stableForMs() > minStableMs;
  const rescued = await reclaimFromDeadWorkers(db, heartbeat.workerId, {
    detectKilled: steady || !heartbeat.connectionWasLost,
    detectHung: steady,
  });
  if (rescued.workers.length > 0) logger.warn(rescued, 'rescued the tasks of workers that are gone');
}

/** Milliseconds: more than it takes to judge a worker that was killed just before this one was started. */
const deadWorkerGraceMs = 1_500;
const deadWorkerPollMs = 50;

/**
 * Takes over from workers that were killed, before the first job is taken: what was under way goes before what waits, which
 * would have all slots by then. Costs nothing when nobody is missing.
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

/** Makes what this process holds and what the database says it holds the same again, should a word have got lost. */
export async function sweepLeases({ db, activeTasks, heartbeat }: SweepDependencies): Promise<void> {
  const held = activeTasks.leases();
  const { workerId } = heartbeat;
  const leases = await leasesOf(db, workerId);
  const epochs = new Map(leases.map(({ taskId, epoch }) => [taskId, epoch]));
  for (const { taskId, epoch } of held) {
    // Not a later lease of the same task, which it may be held under by now.
    if (epochs.get(taskId) !== epoch) activeTasks.lost(taskId, epoch + 1);
  }
  for (const lease of leases) {
    if (!activeTasks.get(lease.taskId)) await freeOrphanedLease(db, workerId, lease);
  }
}

/** Wakes what waits with nobody to wake it. */
export async function sweepOverdue({ db, logger }: SweepDependencies): Promise<void> {
  const tasks = await requeueOverdueTasks(db);
  if (tasks.length > 0) logger.warn({ tasks }, 'tasks were due without a job');
  const sandboxes = await requeueStuckReleases(db);
  if (sandboxes.length > 0) logger.warn({ sandboxes }, 'sandboxes waited for their release without a job');
  await deleteExpiredKeys(db);
}

/**
 * Compares what the providers have with what is wanted. Only what stands in the ledger is touched: anything else was made
 * by another installation.
 */
export async function sweepSandboxes(
  { db, logger, providers }: SweepDependencies,
  signal: AbortSignal,
): Promise<void> {
  for (const name of providers.names) {
    const provider = providers.get(name);
    if (!provider) continue;
    try {
      const log = (line: string) => logger.info({ provider: name, line }, 'provider');
      const listed = await runAttempt({ number: 1, timeoutMs: listTimeoutMs, signal, log }, (context) =>
        provider.listSandboxes(context),
      );
      const leaked = await requeueRelease(
        db,
        listed.map(({ key }) => key),
      );
      if (leaked.length > 0)
        logger.warn({ provider: name, leaked: leaked.length, keys: leaked }, 'leaked sandboxes');
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, provider: name }, 'could not compare the sandboxes');
    }
  }
}
