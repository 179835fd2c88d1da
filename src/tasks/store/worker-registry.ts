import { sql } from 'kysely';
import type { ClientBase } from 'pg';
import type { Database } from '../../tables/database.ts';
import { releaseConversationsOf } from './conversations.ts';
import { interruptAttempt } from './interrupt-attempt.ts';
import { requeueTasks, revokeLeases } from './task-leases.ts';
import { followChannel } from './transcript-wake-up.ts';
import { freeWebhooksOf } from './webhook-deliveries.ts';

// All statements on the table `worker`. A worker that runs has a row there and, on a connection of its own, an advisory
// lock: PostgreSQL frees the lock within milliseconds of the process's end, and the heartbeat shows a process that hangs.

/** The first key of the workers' advisory locks; the second is the worker's number. */
export const workerLockClass = 471_300;

/** What a process is recognized by on its host. */
export interface WorkerProcess {
  /** Equal only for processes that see each other's pids. */
  readonly host: string;
  readonly pid: number;
  /** Opaque: tells the process from a later one with the same pid. */
  readonly start: string;
}

export interface HeartbeatInput {
  readonly workerId: string;
  /** Under which Graphile Worker locks this worker's jobs. */
  readonly poolIds: readonly string[];
  /** Of which the worker reaches the sandboxes. */
  readonly locations: readonly string[];
  /** Whether the session of `client` has the worker's lock already. */
  readonly hasLock: boolean;
}

/** `process` is null when it cannot be recognized. Safe to repeat when the reply was lost. */
export async function registerWorker(
  client: ClientBase,
  { workerId, poolIds, locations }: Pick<HeartbeatInput, 'workerId' | 'poolIds' | 'locations'>,
  process: WorkerProcess | null,
): Promise<void> {
  await client.query(
    `insert into worker (id, pool_ids, locations, host, pid, process_start) values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do nothing`,
    [workerId, poolIds, locations, process?.host, process?.pid, process?.start],
  );
}

/**
 * Writes the heartbeat, and takes the worker's lock for the session of `client`. Returns whether the session has the lock
 * now, and the time by the database's clock; null when the worker was declared dead, and its row deleted.
 */
export async function recordHeartbeat(
  client: ClientBase,
  { workerId, poolIds, hasLock }: Omit<HeartbeatInput, 'locations'>,
): Promise<{ readonly hasLock: boolean; readonly databaseMs: number } | null> {
  const { rows } = await client.query<{ has_lock: boolean; database_ms: number }>(
    `update worker set heartbeat_at = now(), pool_ids = $2 where id = $1
     returning $3 or pg_try_advisory_lock($4, lock) as has_lock, extract(epoch from now())::float8 * 1000 as database_ms`,
    [workerId, poolIds, hasLock, workerLockClass],
  );
  return rows[0] ? { hasLock: rows[0].has_lock, databaseMs: rows[0].database_ms } : null;
}

/** Milliseconds without a heartbeat that make a worker suspect although it has its lock. */
const suspectAfterMs = 5_000;

/** A worker that may be dead, and what the database can say of it. */
export interface SuspectWorker {
  readonly id: string;
  /** Null: unknown. */
  readonly process: WorkerProcess | null;
  readonly isLockFree: boolean;
  /** Opaque; changes with each heartbeat. */
  readonly heartbeatAt: string;
  /** By the database's clock; negative for a heartbeat from before that was set back. */
  readonly heartbeatAgeMs: number;
  /** What the database's clock said, in milliseconds since 1970. */
  readonly databaseMs: number;
  /** Whether a session of any process of Groundcrew is open that was there before the last heartbeat. */
  readonly hasOlderSession: boolean;
  /** Whether this server has neither been started nor recovered from a crash since the last heartbeat. */
  readonly hasOlderServer: boolean;
}

/** The workers, other than this one, whose lock is free or whose heartbeat is overdue, or of a time to come. */
export async function findSuspectWorkers(db: Database, workerId: string): Promise<SuspectWorker[]> {
  // A free lock is given back with the statement's own transaction. A crash of one process of the server leaves its start
  // time as it is, but resets the statistics.
  const { rows } = await sql<{
    id: string;
    host: string | null;
    pid: number;
    process_start: string;
    is_lock_free: boolean;
    heartbeat_at: string;
    heartbeat_age_ms: number;
    database_ms: number;
    has_older_session: boolean;
    has_older_server: boolean;
  }>`
    select id, host, pid, process_start, is_lock_free, heartbeat_at::text,
      extract(epoch from now() - heartbeat_at)::float8 * 1000 as heartbeat_age_ms,
      extract(epoch from now())::float8 * 1000 as database_ms,
      exists (
        select from pg_stat_activity
        where backend_type = 'client backend' and datname = current_database() and usename = current_user
          and backend_start < heartbeat_at
      ) as has_older_session,
      greatest(pg_postmaster_start_time(), (select stats_reset from pg_stat_archiver)) < heartbeat_at
        as has_older_server
    from (
      select worker.*, pg_try_advisory_xact_lock(${workerLockClass}, lock) as is_lock_free
      from worker where id <> ${workerId}
    ) other
    where is_lock_free
      or abs(extract(epoch from now() - heartbeat_at)) * 1000 > ${suspectAfterMs}
  `.execute(db.kysely);
  return rows.map((row) => ({
    id: row.id,
    process: row.host === null ? null : { host: row.host, pid: row.pid, start: row.process_start },
    isLockFree: row.is_lock_free,
    heartbeatAt: row.heartbeat_at,
    heartbeatAgeMs: row.heartbeat_age_ms,
    databaseMs: row.database_ms,
    hasOlderSession: row.has_older_session,
    hasOlderServer: row.has_older_server,
  }));
}

/**
 * Declares a worker dead: takes its jobs and tasks away from it and queues the tasks again, in one transaction. Its running
 * attempts fail once another worker leases them, or end here without a failure if `keepsAttempts`. Returns the tasks; null
 * if the worker has come back since it was looked at, or if another worker does the same at this moment.
 */
export function reclaimFromDeadWorker(
  db: Database,
  { id, isLockFree, heartbeatAt }: SuspectWorker,
  { keepsAttempts }: { readonly keepsAttempts: boolean },
): Promise<string[] | null> {
  return db.transaction(async (tx) => {
    const { rows } = await sql`
      select from worker
      where id = ${id} and heartbeat_at = ${heartbeatAt}
        and (not ${isLockFree} or pg_try_advisory_xact_lock(${workerLockClass}, lock))
      for update skip locked
    `.execute(tx.kysely);
    if (rows.length === 0) return null;
    return removeWorker(tx, id, keepsAttempts);
  });
}

/** For the only process that may use the database: every worker that stands in it is dead. Returns the tasks. */
export function reclaimFromAllWorkers(db: Database): Promise<string[]> {
  return db.transaction(async (tx) => {
    const workers = await tx.kysely.selectFrom('worker').select('id').forUpdate().execute();
    const tasks: string[] = [];
    for (const { id } of workers) tasks.push(...(await removeWorker(tx, id, false)));
    return tasks;
  });
}

/** Deletes a stopped worker's row if it holds no task, and unlocks its jobs. */
export function deregisterWorker(db: Database, workerId: string): Promise<void> {
  return db.transaction(async (tx) => {
    // A write that takes a task for the worker has locked its row. Only a statement that begins after that write's end sees the task.
    await sql`select from worker where id = ${workerId} for update`.execute(tx.kysely);
    await sql`
      with gone as (
        delete from worker where id = ${workerId} and not exists (select from task where leased_by = ${workerId})
          and not exists (select from conversation where followed_by = ${workerId})
        returning pool_ids
      )
      select graphile_worker.force_unlock_workers(pool_ids) from gone
    `.execute(tx.kysely);
  });
}

async function removeWorker(tx: Database, id: string, keepsAttempts: boolean): Promise<string[]> {
  // Tasks, jobs, conversations: the order in which every write locks them. Another one is a deadlock with a write that adds a job.
  const tasks = await revokeLeases(tx, id);
  if (keepsAttempts) for (const taskId of tasks) await interruptAttempt(tx, taskId);
  // Graphile Worker itself would keep the jobs locked for four hours.
  await sql`
    with gone as (delete from worker where id = ${id} returning pool_ids)
    select graphile_worker.force_unlock_workers(pool_ids) from gone
  `.execute(tx.kysely);
  await releaseConversationsOf(tx, id);
  await sql`select pg_notify(${sql.lit(followChannel)}, '')`.execute(tx.kysely);
  await requeueTasks(tx, tasks);
  await freeWebhooksOf(tx, id);
  return tasks;
}
