import type { Database } from '../../tables/database.ts';
import { requeueTasks, revokeLeases } from './task-leases.ts';
import { query, type Row } from './task-rows.ts';

/** The first key of the workers' advisory locks; the second is the worker's number. */
export const workerLockClass = 471_300;

/** Milliseconds without a sign of life after which a worker whose lock is free counts as dead. */
const killedAfterMs = 1_000;
/** The same for one that still has its lock: it hangs, or its network has gone silent. */
const hungAfterMs = 9_000;
/** After a restart of the database every worker's lock is free, until it has connected again. */
const reconnectTimeMs = 3_000;

/** Takes the jobs and tasks of dead workers from them, in one transaction each round; safe in many workers at once. */
export function reclaimFromDeadWorkers(
  db: Database,
  workerId: string,
  options: { detectKilled: boolean; detectHung: boolean },
): Promise<{ workers: string[]; tasks: string[] }> {
  return db.transaction(async (tx) => {
    const dead = await query(
      tx,
      `select id from worker
       where id <> ?
         and (? and heartbeat_at < now() - ? * interval '1 millisecond'
           and pg_postmaster_start_time() < now() - ? * interval '1 millisecond'
           and pg_try_advisory_xact_lock(?, lock)
           or ? and heartbeat_at < now() - ? * interval '1 millisecond')
       for update skip locked`,
      [
        workerId,
        options.detectKilled,
        killedAfterMs,
        reconnectTimeMs,
        workerLockClass,
        options.detectHung,
        hungAfterMs,
      ],
    );
    return removeDeadWorkers(tx, dead);
  });
}

/** Whether a worker's lock is free that has not been judged yet: it was killed, or is about to connect again. */
export async function hasSuspectWorkers(db: Database): Promise<boolean> {
  // The lock is given back with the statement's own transaction.
  const rows = await query(db, 'select from worker where pg_try_advisory_xact_lock(?, lock) limit 1', [
    workerLockClass,
  ]);
  return rows.length > 0;
}

/** For the only process that may use the database: all workers that stand in it are dead. */
export function reclaimFromAllWorkers(db: Database): Promise<{ workers: string[]; tasks: string[] }> {
  return db.transaction(async (tx) => {
    const dead = await query(tx, 'select id from worker for update', []);
    return removeDeadWorkers(tx, dead);
  });
}

/** A worker that has stopped, and let go of all that it had. */
export async function deregisterWorker(db: Database, workerId: string): Promise<void> {
  await query(
    db,
    `with gone as (
       delete from worker where id = ? and not exists (select from task where leased_by = ?) returning *
     )
     select graphile_worker.force_unlock_workers(pool_ids) from gone`,
    [workerId, workerId],
  );
}

async function removeDeadWorkers(
  tx: Database,
  dead: readonly Row[],
): Promise<{ workers: string[]; tasks: string[] }> {
  const workers = dead.map(({ id }) => id as string);
  const tasks: string[] = [];
  // Tasks before jobs, as everybody locks them: the other way round is a deadlock with a write that adds a job.
  for (const id of workers) tasks.push(...(await revokeLeases(tx, id)));
  for (const id of workers) {
    // Graphile Worker itself would keep the jobs locked for four hours.
    await query(
      tx,
      'with gone as (delete from worker where id = ? returning *) select graphile_worker.force_unlock_workers(pool_ids) from gone',
      [id],
    );
  }
  if (tasks.length > 0) await requeueTasks(tx, tasks);
  return { workers, tasks };
}
