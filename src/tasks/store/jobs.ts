import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { Timestamp } from '../domain/task.ts';
import type { WritePlan } from '../domain/write-plan.ts';

/**
 * The jobs, by name, with what their payloads hold. A payload that comes out of the queue is `unknown` until its schema
 * has read it: jobs outlive deployments.
 */
export const jobs = {
  provisionTask: z.object({ taskId: z.string() }),
  releaseSandbox: z.object({ key: z.string() }),
  deleteClosedTasks: z.object({}),
  deleteExpiredRecords: z.object({}),
} as const;
export type JobName = keyof typeof jobs;

/**
 * `run_at` of a job for interrupted work. Graphile Worker runs jobs in the order of `run_at`, so 1970 puts it ahead of
 * everything queued.
 */
const runFirst: Timestamp = new Date(0).toISOString();

/** The parameter `runAt` of `addProvisionJob`; null is now by the database's clock. */
export function toRunAt(runAt: NonNullable<WritePlan['job']>['runAt']): Timestamp | null {
  if (runAt === 'now') return null;
  return runAt === 'first' ? runFirst : runAt;
}

/** A job under this name is run only by workers that reach the sandboxes of the location; see `sandbox.location`. */
export function jobNameAt(name: 'provisionTask' | 'releaseSandbox', location: string): string {
  return `${name}:${location}`;
}

/**
 * SQL that adds the job which provisions a task, or moves the one that waits. Its value is the job's id. It is for the
 * workers that reach the task's sandbox, as the ledger stood before the statement.
 */
export function addProvisionJob(taskId: RawBuilder<unknown>, runAt: Timestamp | null): RawBuilder<unknown> {
  const name = sql`'provisionTask' || coalesce(
    (select ':' || located.location from sandbox located where located.task_id = ${taskId}), '')`;
  return addProvisionJobNamed(name, taskId, runAt);
}

/** The same for any worker: of tasks without a sandbox, or where something is to be recorded that needs no sandbox. */
export function addProvisionJobForAnyWorker(
  taskId: RawBuilder<unknown>,
  runAt: Timestamp | null,
): RawBuilder<unknown> {
  return addProvisionJobNamed(sql`'provisionTask'`, taskId, runAt);
}

function addProvisionJobNamed(
  name: RawBuilder<unknown>,
  taskId: RawBuilder<unknown>,
  runAt: Timestamp | null,
): RawBuilder<unknown> {
  return sql`(graphile_worker.add_job(${name}, json_build_object('taskId', ${taskId}),
    run_at => ${runAt}::timestamptz, job_key => ${provisionJobKey(taskId)})).id`;
}

export function provisionJobKey(taskId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`'provision:' || ${taskId}`;
}

/**
 * SQL that adds the job which releases a sandbox, or moves the one that waits, for the workers that reach the sandbox.
 * `delay` is an SQL interval.
 */
export function addReleaseJob(
  key: RawBuilder<unknown>,
  delay: RawBuilder<unknown> = sql`interval '0'`,
): RawBuilder<unknown> {
  const name = sql`'releaseSandbox' || coalesce(
    (select ':' || located.location from sandbox located where located.key = ${key}), '')`;
  return sql`(graphile_worker.add_job(${name}, json_build_object('key', ${key}),
    run_at => now() + ${delay}, job_key => ${releaseJobKey(key)})).id`;
}

export function releaseJobKey(key: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`'release:' || ${key}`;
}

/** SQL that says whether the job of this key will run, or has been running for less than `lockedFor`, an SQL interval. */
export function hasRunnableJob(key: RawBuilder<unknown>, lockedFor: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from graphile_worker.jobs j
    where j.key = ${key} and (
      j.locked_at > now() - ${sql.lit(lockedFor)}::interval or j.locked_at is null and j.attempts < j.max_attempts
    )
  )`;
}
