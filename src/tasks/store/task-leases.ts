import type { Database } from '../../tables/database.ts';
import type { Task, Timestamp } from '../domain/task.ts';
import { addProvisionJobSql, type Lease, runFirst } from './change-task.ts';
import { json, query, taskColumns, toTask } from './task-rows.ts';

/** A task as its worker has it. */
export interface LeasedTask {
  readonly lease: Lease;
  readonly task: Task;
  readonly endpoint: unknown;
  readonly sandboxMetadata: Record<string, unknown> | null;
}

/** The worker was given up for dead, and has not come back under another name yet: it has no right to any task. */
export class WorkerDeclaredDeadError extends Error {
  override readonly name = 'WorkerGivenUpError';
}

/**
 * Takes the task for a worker, with a new epoch. Null when there is nothing to do for it, or when another worker has it:
 * that one goes on, or is found dead by `rescueTasks`. A worker that has it already, and does not know because the answer
 * got lost, takes it again. Throws WorkerGivenUpError.
 */
export async function leaseTask(db: Database, taskId: string, workerId: string): Promise<LeasedTask | null> {
  // Whether the worker counts as alive is asked in the same statement: asked a moment later, one that has just come back
  // would take the task for somebody else's, and its job would end with nobody at work.
  const [row = {}] = await query(
    db,
    `with alive as (
       select from worker where id = ? for key share
     ), t as (
       update task set epoch = epoch + 1, leased_by = ?
       where id = ? and (leased_by is null or leased_by = ?) and wake_at is not null and exists (select from alive)
       returning *
     )
     select exists (select from alive) as alive, ${taskColumns}, t.epoch, t.endpoint, t.sandbox_metadata
     from (select 1) one left join (t join project p on p.id = t.project_id) on true`,
    [workerId, workerId, taskId, workerId],
  );
  if (!row.alive) throw new WorkerDeclaredDeadError(`worker ${workerId} was given up`);
  if (row.id === null) return null;
  return {
    lease: { taskId, epoch: row.epoch as number },
    task: toTask(row),
    endpoint: json(row.endpoint),
    sandboxMetadata: json(row.sandbox_metadata) as LeasedTask['sandboxMetadata'],
  };
}

/**
 * Gives the task back when there is nothing to do for it now, with a job for when there is. False: it has changed since
 * that revision; look again.
 */
export async function releaseTask(
  db: Database,
  lease: Lease,
  revision: number,
  until: Timestamp | null,
): Promise<boolean> {
  const changed = `with changed as (
    update task set leased_by = null, wake_at = ?::timestamptz where id = ? and epoch = ? and revision = ? returning *
  )`;
  const params = [until, lease.taskId, lease.epoch, revision];
  const rows =
    until === null
      ? await query(db, `${changed} select id from changed`, params)
      : await query(db, `${changed} select ${addProvisionJobSql} from changed`, [...params, until]);
  return rows.length > 0;
}

/** Takes all tasks from a worker that is gone; its own late writes change nothing any more. */
export async function revokeLeases(db: Database, workerId: string): Promise<string[]> {
  const rows = await query(
    db,
    'update task set leased_by = null, epoch = epoch + 1 where leased_by = ? returning id',
    [workerId],
  );
  return rows.map((row) => row.id as string);
}

/** Gives each of these tasks a job that runs before all that wait. */
export async function requeueTasks(db: Database, ids: readonly string[]): Promise<void> {
  await query(
    db,
    `with changed as (select jsonb_array_elements_text(?::jsonb) as id) select ${addProvisionJobSql} from changed`,
    [JSON.stringify(ids), runFirst],
  );
}

/** The same for one task of a worker that lives, but does not know of it. */
export async function freeOrphanedLease(
  db: Database,
  workerId: string,
  { taskId, epoch }: Lease,
): Promise<void> {
  await query(
    db,
    `with changed as (
       update task set leased_by = null, epoch = epoch + 1 where id = ? and leased_by = ? and epoch = ? returning *
     )
     select ${addProvisionJobSql} from changed`,
    [taskId, workerId, epoch, runFirst],
  );
}

/** Milliseconds that a task may be due without a job before it gets another one. */
const overdueAfterMs = 5_000;

/**
 * Wakes tasks that are due with nobody to look at them: their job was lost, or it is locked for one who never heard of it,
 * because the answer that gave it to him was lost.
 */
export async function requeueOverdueTasks(db: Database): Promise<string[]> {
  const rows = await query(
    db,
    `with changed as (
       select t.id from task t
       where t.wake_at < now() - ? * interval '1 millisecond' and t.leased_by is null
         and not exists (
           select from graphile_worker.jobs j
           where j.key = 'provision:' || t.id and (
             j.locked_at > now() - interval '10 seconds' or j.locked_at is null and j.attempts < j.max_attempts
           )
         )
       order by t.wake_at limit 100
     )
     select id, ${addProvisionJobSql} as job from changed`,
    [overdueAfterMs, runFirst],
  );
  return rows.map((row) => row.id as string);
}

/** The tasks that the worker has a right to. */
export async function leasesOf(db: Database, workerId: string): Promise<Lease[]> {
  const rows = await query(db, 'select id, epoch from task where leased_by = ?', [workerId]);
  return rows.map((row) => ({ taskId: row.id as string, epoch: row.epoch as number }));
}

/** Whether the task is still held under that lease. */
export async function isLeaseValid(db: Database, { taskId, epoch }: Lease): Promise<boolean> {
  return (
    (
      await query(db, 'select from task where id = ? and epoch = ? and leased_by is not null', [
        taskId,
        epoch,
      ])
    ).length > 0
  );
}
