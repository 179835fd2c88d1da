import { type RawBuilder, sql } from 'kysely';
import type { ClientBase } from 'pg';
import type { Database } from '../../tables/database.ts';
import { requeueTasks, revokeLeases } from './task-leases.ts';

// All statements on the table `worker`. A worker that runs has a row there and, on a connection of its own, an advisory
// lock: PostgreSQL frees the lock within milliseconds of the process's end, and the heartbeat shows a process that hangs.

/** The first key of the workers' advisory locks; the second is the worker's number. */
export const workerLockClass = 471_300;

/** Milliseconds without a heartbeat after which a worker whose lock is free counts as dead. */
const killedAfterMs = 1_000;
/** The same for a worker that still has its lock: it hangs, or its network has gone silent. */
const hungAfterMs = 9_000;
/** After a restart of the database every worker's lock is free until it has connected again. */
const reconnectTimeMs = 3_000;

/** Safe to repeat when the reply was lost. */
export async function registerWorker(
  client: ClientBase,
  workerId: string,
  poolIds: readonly string[],
): Promise<void> {
  await client.query('insert into worker (id, pool_ids) values ($1, $2) on conflict (id) do nothing', [
    workerId,
    poolIds,
  ]);
}

export interface HeartbeatInput {
  readonly workerId: string;
  /** Under which Graphile Worker locks this worker's jobs. */
  readonly poolIds: readonly string[];
  /** Whether the session of `client` has the worker's lock already. */
  readonly hasLock: boolean;
}

/**
 * Writes the heartbeat, and takes the worker's lock for the session of `client`. Returns whether the session has the lock
 * now; null when the worker was declared dead, and its row deleted.
 */
export async function recordHeartbeat(
  client: ClientBase,
  { workerId, poolIds, hasLock }: HeartbeatInput,
): Promise<{ readonly hasLock: boolean } | null> {
  const { rows } = await client.query<{ has_lock: boolean }>(
    `update worker set heartbeat_at = now(), pool_ids = $2 where id = $1
     returning $3 or pg_try_advisory_lock($4, lock) as has_lock`,
    [workerId, poolIds, hasLock, workerLockClass],
  );
  return rows[0] ? { hasLock: rows[0].has_lock } : null;
}

export interface Reclaimed {
  readonly workers: readonly string[];
  readonly tasks: readonly string[];
}

/**
 * Takes the jobs and tasks of dead workers away from them, and queues the tasks again: one transaction. Safe in many
 * workers at once.
 */
export function reclaimFromDeadWorkers(
  db: Database,
  workerId: string,
  options: { readonly detectKilled: boolean; readonly detectHung: boolean },
): Promise<Reclaimed> {
  const isOlderThan = (instant: RawBuilder<unknown>, ms: number) =>
    sql`${instant} < now() - ${ms} * interval '1 millisecond'`;
  return db.transaction(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select id from worker
      where id <> ${workerId}
        and (${options.detectKilled} and ${isOlderThan(sql`heartbeat_at`, killedAfterMs)}
          and ${isOlderThan(sql`pg_postmaster_start_time()`, reconnectTimeMs)}
          and pg_try_advisory_xact_lock(${workerLockClass}, lock)
          or ${options.detectHung} and ${isOlderThan(sql`heartbeat_at`, hungAfterMs)})
      for update skip locked`.execute(tx.kysely);
    return removeWorkers(tx, rows);
  });
}

/** Whether a worker's lock is free that has not been judged yet: it was killed, or is about to connect again. */
export async function hasSuspectWorkers(db: Database): Promise<boolean> {
  // The lock is given back with the statement's own transaction.
  const { rows } = await sql`
    select from worker where pg_try_advisory_xact_lock(${workerLockClass}, lock) limit 1`.execute(db.kysely);
  return rows.length > 0;
}

/** For the only process that may use the database: every worker that stands in it is dead. */
export function reclaimFromAllWorkers(db: Database): Promise<Reclaimed> {
  return db.transaction(async (tx) => {
    const { rows } = await sql<{ id: string }>`select id from worker for update`.execute(tx.kysely);
    return removeWorkers(tx, rows);
  });
}

/** Deletes a stopped worker's row if it holds no task, and unlocks its jobs. */
export async function deregisterWorker(db: Database, workerId: string): Promise<void> {
  await sql`
    with gone as (
      delete from worker where id = ${workerId} and not exists (select from task where leased_by = ${workerId})
      returning *
    )
    select graphile_worker.force_unlock_workers(pool_ids) from gone`.execute(db.kysely);
}

async function removeWorkers(tx: Database, workers: readonly { readonly id: string }[]): Promise<Reclaimed> {
  const ids = workers.map(({ id }) => id);
  const tasks: string[] = [];
  // Tasks before jobs, the order in which every write locks them: the other one is a deadlock with a write that adds a job.
  for (const id of ids) tasks.push(...(await revokeLeases(tx, id)));
  for (const id of ids) {
    // Graphile Worker itself would keep the jobs locked for four hours.
    await sql`
      with gone as (delete from worker where id = ${id} returning *)
      select graphile_worker.force_unlock_workers(pool_ids) from gone`.execute(tx.kysely);
  }
  if (tasks.length > 0) await requeueTasks(tx, tasks);
  return { workers: ids, tasks };
}
