import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Lease } from '../domain/lease.ts';
import { farAheadMs } from '../domain/next-work.ts';
import type { Task } from '../domain/task.ts';
import {
  addProvisionJob,
  addProvisionJobForAnyWorker,
  hasRunnableJob,
  inMs,
  provisionJobKey,
} from './jobs.ts';
import { selectTasks, type TaskRow, toTask } from './task-rows.ts';
import { anyOf } from './values-apart.ts';

/** A task as its worker has it. */
export interface LeasedTask {
  readonly lease: Lease;
  readonly task: Task;
  readonly endpoint: unknown;
  readonly sandboxMetadata: Record<string, unknown> | null;
  /** Where the task's sandbox lies; null: every worker reaches it, or it was never requested. */
  readonly sandboxLocation: string | null;
}

/** This worker was declared dead and has not registered again yet; it may not lease tasks. */
export class WorkerDeclaredDeadError extends Error {
  override readonly name = 'WorkerDeclaredDeadError';
}

interface LeasedRow extends TaskRow {
  readonly epoch: number;
  readonly endpoint: unknown;
  readonly sandbox_metadata: Record<string, unknown> | null;
  readonly sandbox_location: string | null;
}

/** What a lease gives to its worker, beside the columns that every read of a task selects. */
const workerColumns = [
  'task.endpoint',
  'task.sandbox_metadata',
  'sandbox.location as sandbox_location',
] as const;

/**
 * Tasks that need work and that no worker holds, each as it would be leased: a change that takes this lease (`takesLeaseFor`) is made
 * only while that is so. Null for each other one.
 */
export async function readFreeTasks(db: Database, ids: readonly string[]): Promise<(LeasedTask | null)[]> {
  const rows = await selectTasks(db)
    .leftJoin('sandbox', 'sandbox.task_id', 'task.id')
    .select([...workerColumns, sql<number>`task.epoch + 1`.as('epoch')])
    // Not a condition: the index of all tasks that wait would be read for it.
    .select(sql<boolean>`task.leased_by is null and task.wake_at is not null`.as('is_free'))
    .where('task.id', '=', anyOf(ids))
    .execute();
  const free = new Map(rows.filter((row) => row.is_free).map((row) => [row.id, toLeased(row)]));
  return ids.map((id) => free.get(id) ?? null);
}

/**
 * Leases the task under a new epoch. Null when it needs no work or another worker holds it (if that one is dead,
 * {@link reclaimFromDeadWorker} frees it). A worker that already holds it, because the reply was lost, gets it again.
 * Throws WorkerDeclaredDeadError.
 */
export async function leaseTask(db: Database, taskId: string, workerId: string): Promise<LeasedTask | null> {
  // Liveness is checked in the same statement. In a second query, a worker that registered again in between would read
  // "held by another" and finish its job although no worker works on the task.
  const { rows } = await sql<{ is_alive: boolean } & { [C in keyof LeasedRow]: LeasedRow[C] | null }>`
    with alive as materialized (
      select id from worker where id = ${workerId} for key share
    ), leased as (
      update task set epoch = epoch + 1, leased_by = alive.id
      from alive
      where task.id = ${taskId} and (leased_by is null or leased_by = alive.id) and wake_at is not null
      returning task.id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, created_at, revision,
        updated_at, state, epoch, endpoint, sandbox_metadata
    )
    select exists (select from alive) as is_alive, leased.*, project.repo_url as project_repo_url,
      project.name as project_name, project.created_at as project_created_at,
      (select location from sandbox where sandbox.task_id = leased.id) as sandbox_location
    from (select) one left join (leased join project on project.id = leased.project_id) on true
  `.execute(db.kysely);
  const [row] = rows;
  if (!row?.is_alive) throw new WorkerDeclaredDeadError(`Worker ${workerId} was declared dead.`);
  return row.id === null ? null : toLeased(row as LeasedRow);
}

function toLeased(row: LeasedRow): LeasedTask {
  return {
    lease: { taskId: row.id, epoch: row.epoch },
    task: toTask(row),
    endpoint: row.endpoint,
    sandboxMetadata: row.sandbox_metadata,
    sandboxLocation: row.sandbox_location,
  };
}

/**
 * Releases the lease when there is nothing to do for `pauseMs`, and schedules a job for then; null: nothing is to be done
 * at all. False if the task moved past `revision`: read it again.
 */
export async function releaseTask(
  db: Database,
  { taskId, epoch }: Lease,
  revision: number,
  pauseMs: number | null,
): Promise<boolean> {
  const { rows } = await sql`
    with released as (
      update task set leased_by = null, wake_at = ${inMs(pauseMs)}
      where id = ${taskId} and epoch = ${epoch} and revision = ${revision}
      returning id
    )
    select case when ${pauseMs !== null} then ${addProvisionJob(sql.ref('released.id'), pauseMs ?? 0)} end from released
  `.execute(db.kysely);
  return rows.length > 0;
}

/** Takes all tasks from a worker that is dead; its own late writes change nothing any more. Returns their ids. */
export async function revokeLeases(db: Database, workerId: string): Promise<string[]> {
  const rows = await db.kysely
    .updateTable('task')
    .set((task) => ({ leased_by: null, epoch: task('epoch', '+', 1) }))
    .where('leased_by', '=', workerId)
    .returning('id')
    .execute();
  return rows.map(({ id }) => id);
}

/** Gives each of these tasks a job that runs before all that wait, on any worker: it records what was interrupted. */
export async function requeueTasks(db: Database, ids: readonly string[]): Promise<void> {
  await sql`
    select ${addProvisionJobForAnyWorker(sql.ref('interrupted.id'), 'first')}
    from unnest(${ids}::text[]) as interrupted (id)
  `.execute(db.kysely);
}

/** Frees one lease whose live worker does not know that it holds it, and queues the task again. */
export async function freeOrphanedLease(
  db: Database,
  workerId: string,
  { taskId, epoch }: Lease,
): Promise<void> {
  await sql`
    with freed as (
      update task set leased_by = null, epoch = epoch + 1
      where id = ${taskId} and leased_by = ${workerId} and epoch = ${epoch}
      returning id
    )
    select ${addProvisionJob(sql.ref('freed.id'), 'first')} from freed
  `.execute(db.kysely);
}

/** Milliseconds that a task may be due without a job before it gets another one. */
const overdueAfterMs = 5_000;

/**
 * Queues overdue tasks again that no worker holds and that have no runnable job: the job was lost, or it is locked by a
 * pool that never received it. Returns their ids.
 */
export async function requeueOverdueTasks(db: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with overdue as (
      select id from task
      where (wake_at < (select ${inMs(-overdueAfterMs)}) or wake_at > (select ${inMs(farAheadMs)})) and leased_by is null
        and not ${hasRunnableJob(provisionJobKey(sql.ref('task.id')), '10 seconds')}
      order by wake_at limit 100
    )
    select id, ${addProvisionJob(sql.ref('overdue.id'), 'first')} as job from overdue
  `.execute(db.kysely);
  return rows.map(({ id }) => id);
}

/** The leases that the worker holds. */
export async function leasesOf(db: Database, workerId: string): Promise<Lease[]> {
  const rows = await db.kysely
    .selectFrom('task')
    .select(['id', 'epoch'])
    .where('leased_by', '=', workerId)
    .execute();
  return rows.map(({ id, epoch }) => ({ taskId: id, epoch }));
}

/** Whether the task is still held under that lease. */
export async function isLeaseValid(db: Database, { taskId, epoch }: Lease): Promise<boolean> {
  const row = await db.kysely
    .selectFrom('task')
    .select('id')
    .where('id', '=', taskId)
    .where('epoch', '=', epoch)
    .where('leased_by', 'is not', null)
    .executeTakeFirst();
  return row !== undefined;
}
