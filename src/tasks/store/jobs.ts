import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import { farAheadMs } from '../domain/next-work.ts';
import type { WritePlan } from '../domain/write-plan.ts';

/**
 * The jobs, by name, with what their payloads hold. A payload that comes out of the queue is `unknown` until its schema
 * has read it: jobs outlive deployments.
 */
export const jobs = {
  provisionTask: z.object({ taskId: z.string() }),
  releaseSandbox: z.object({ key: z.string() }),
  deliverWebhook: z.object({ webhookId: z.string() }),
  deleteWebhookDeliveries: z.object({ webhookId: z.string() }),
  deleteClosedTasks: z.object({}),
  deleteExpiredRecords: z.object({}),
} as const;
export type JobName = keyof typeof jobs;

/**
 * SQL of the instant that lies so many milliseconds ahead by the database's clock. What a worker or a job waits for is never
 * an instant of a process's own clock: that may be wrong by hours.
 */
export function inMs(ms: number | null): RawBuilder<unknown> {
  return sql`(now() + ${ms}::int * interval '1 millisecond')`;
}

type RunInMs = NonNullable<WritePlan['job']>['runInMs'];

/** A job under this name is run only by workers that reach the sandboxes of the location; see `sandbox.location`. */
export function jobNameAt(name: 'provisionTask' | 'releaseSandbox', location: string): string {
  return `${name}:${location}`;
}

/**
 * SQL that adds the job which provisions a task, or moves the one that waits. Its value is the job's id. It is for the
 * workers that reach the task's sandbox, as the ledger stood before the statement.
 */
export function addProvisionJob(taskId: RawBuilder<unknown>, runInMs: RunInMs): RawBuilder<unknown> {
  return addProvisionJobAt(taskId, runAt(runInMs));
}

/** The same at an instant in SQL. */
export function addProvisionJobAt(taskId: RawBuilder<unknown>, at: RawBuilder<unknown>): RawBuilder<unknown> {
  const name = sql`'provisionTask' || coalesce(
    (select ':' || located.location from sandbox located where located.task_id = ${taskId}), '')`;
  return addProvisionJobNamed(name, taskId, at);
}

/** The same for any worker: of tasks without a sandbox, or where something is to be recorded that needs no sandbox. */
export function addProvisionJobForAnyWorker(
  taskId: RawBuilder<unknown>,
  runInMs: RunInMs,
): RawBuilder<unknown> {
  return addProvisionJobNamed(sql`'provisionTask'`, taskId, runAt(runInMs));
}

/**
 * SQL that adds the jobs which provision the new tasks of a table, by any worker, in the order of their ids. Its value is their
 * number.
 */
export function addProvisionJobs(tasks: string): RawBuilder<unknown> {
  return sql`(
    select count(added.id) from (
      select array_agg(row('provisionTask', json_build_object('taskId', id), null, null, null,
        ${provisionJobKey(sql.ref('id'))}, null, null)::graphile_worker.job_spec order by id) as specs
      from ${sql.table(tasks)} having count(*) > 0
    ) batch cross join lateral graphile_worker.add_jobs(batch.specs) added
  )`;
}

function addProvisionJobNamed(
  name: RawBuilder<unknown>,
  taskId: RawBuilder<unknown>,
  at: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`(graphile_worker.add_job(${name}, json_build_object('taskId', ${taskId}),
    run_at => ${at}, job_key => ${provisionJobKey(taskId)})).id`;
}

/** Graphile Worker runs jobs in the order of `run_at`, so 1970 puts a job ahead of everything queued. */
function runAt(runInMs: RunInMs): RawBuilder<unknown> {
  return runInMs === 'first' ? sql`to_timestamp(0)` : inMs(runInMs);
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

/**
 * SQL that adds the job which makes a worker send the deliveries of a webhook, or moves the one that waits. `runAt` is an
 * instant in SQL. The trigger that stores deliveries adds others, with keys of their own.
 */
export function addDeliverJob(
  webhookId: RawBuilder<unknown>,
  runAt: RawBuilder<unknown> = sql`now()`,
): RawBuilder<unknown> {
  return sql`(graphile_worker.add_job('deliverWebhook', json_build_object('webhookId', ${webhookId}),
    run_at => ${runAt}, job_key => ${deliverJobKey(webhookId)})).id`;
}

export function deliverJobKey(webhookId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`'webhook:' || ${webhookId}`;
}

/** SQL that adds the job which deletes the deliveries of a webhook that was deleted. */
export function addDeliveriesRemovalJob(webhookId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(graphile_worker.add_job('deleteWebhookDeliveries', json_build_object('webhookId', ${webhookId}))).id`;
}

/** SQL that says whether the job of this key will run, or has been running for less than `lockedFor`, an SQL interval. */
export function hasRunnableJob(key: RawBuilder<unknown>, lockedFor: string): RawBuilder<boolean> {
  // Looks into the queue's index for each key: with its collation, which that of an id is not, and with an offset, without which
  // PostgreSQL may join, and compare each key with all jobs.
  return sql<boolean>`exists (
    select from graphile_worker.jobs j
    where j.key = (${key}) collate "default" and (
      j.locked_at between now() - ${sql.lit(lockedFor)}::interval and ${inMs(farAheadMs)}
      or j.locked_at is null and j.attempts < j.max_attempts and j.run_at < ${inMs(farAheadMs)}
    ) offset 0
  )`;
}
