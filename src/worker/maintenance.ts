import { setTimeout as delay } from 'node:timers/promises';
import { type CronItem, makeWorkerUtils } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Logger } from '../log.ts';
import type { Database } from '../tables/database.ts';
import type { JobName } from '../tasks/store/jobs.ts';
import { deleteExpiredLogins } from '../tasks/store/logins.ts';
import { deleteEndedWindows } from '../tasks/store/rate-limits.ts';
import { deleteClosedTasks, deleteExpiredKeys, deleteExpiredTaskTokens } from '../tasks/store/retention.ts';
import { deleteDeliveriesOf, deleteOldDeliveries } from '../tasks/store/webhook-deliveries.ts';

export interface MaintenanceDependencies {
  readonly db: Database;
  /** The pool of the jobs. */
  readonly pool: Pool;
  readonly logger: Logger;
  /** Days for which closed tasks are kept. Undefined: for ever. */
  readonly retentionDays: number | undefined;
  /** Aborts when the worker is to stop. What is left is deleted the next time. */
  readonly draining: AbortSignal;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * When the jobs of this file run (UTC). Graphile Worker adds each once for all workers of the database, and at the start of
 * a worker if the last time was missed. The job key keeps a job that still waits from being doubled.
 */
export function maintenanceCron(retentionDays: number | undefined): CronItem[] {
  const item = (task: JobName, match: string, backfillPeriod: number): CronItem => ({
    task,
    match,
    options: { backfillPeriod, jobKey: task, maxAttempts: 3 },
  });
  return [
    item('deleteExpiredRecords', '23 3 * * *', dayMs),
    ...(retentionDays === undefined ? [] : [item('deleteClosedTasks', '7 * * * *', hourMs)]),
  ];
}

/** Small, so that no statement holds locks for long. */
const tasksPerBatch = 100;
const keysPerBatch = 1_000;
/** Milliseconds between batches, in which other statements have the database for themselves. */
const pauseMs = 100;

/** Deletes the tasks that were closed more than `retentionDays` ago. */
export async function runDeleteClosedTasks({
  db,
  logger,
  retentionDays,
  draining,
}: MaintenanceDependencies): Promise<void> {
  if (retentionDays === undefined) return;
  const tasks = await inBatches(tasksPerBatch, draining, (limit) =>
    deleteClosedTasks(db, retentionDays, limit),
  );
  if (tasks > 0) logger.info({ tasks, retentionDays }, 'deleted tasks that were closed long ago');
}

/** Deletes idempotency keys, task tokens, logins, deliveries and windows of points that are too old, and jobs that failed for good. */
export async function runDeleteExpiredRecords({
  db,
  pool,
  logger,
  draining,
}: MaintenanceDependencies): Promise<void> {
  const keys = await inBatches(keysPerBatch, draining, (limit) => deleteExpiredKeys(db, limit));
  if (keys > 0) logger.info({ keys }, 'deleted expired idempotency keys');
  await inBatches(keysPerBatch, draining, (limit) => deleteExpiredTaskTokens(db, limit));
  await inBatches(keysPerBatch, draining, (limit) => deleteExpiredLogins(db, limit));
  await inBatches(keysPerBatch, draining, (limit) => deleteEndedWindows(db, limit));
  await inBatches(keysPerBatch, draining, (limit) => deleteOldDeliveries(db, limit));
  const utils = await makeWorkerUtils({ pgPool: pool });
  try {
    await utils.cleanup({ tasks: ['DELETE_PERMAFAILED_JOBS'] });
  } finally {
    await utils.release();
  }
}

/** Deletes the deliveries of a webhook that was deleted. What a worker that stops leaves is deleted as too old. */
export async function runDeleteWebhookDeliveries(
  webhookId: string,
  { db, draining }: MaintenanceDependencies,
): Promise<void> {
  await inBatches(keysPerBatch, draining, (limit) => deleteDeliveriesOf(db, webhookId, limit));
}

/** Each batch is a transaction of its own. Returns how many were deleted. */
async function inBatches(
  size: number,
  signal: AbortSignal,
  deleteBatch: (limit: number) => Promise<number>,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const deleted = await deleteBatch(size);
    total += deleted;
    if (deleted < size) break;
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
  return total;
}
