import type { Database } from '../../tables/database.ts';
import { addReleaseJobSql, changeTask } from './change-task.ts';
import { query } from './task-rows.ts';

// Every sandbox that was ever intended is a row: `wanted` from before it is made, `releasing` once nobody wants it any
// more, `released` when its provider says that it is gone.

export interface SandboxToRelease {
  readonly key: string;
  readonly taskId: string;
  readonly provider: string;
  /** How often it was tried in vain. */
  readonly failures: number;
}

/** Null when there is nothing to release under this key. */
export async function findSandboxToRelease(db: Database, key: string): Promise<SandboxToRelease | null> {
  const [row] = await query(
    db,
    `select key, task_id, provider, failures from sandbox where key = ? and state = 'releasing'`,
    [key],
  );
  if (!row) return null;
  return {
    key: row.key as string,
    taskId: row.task_id as string,
    provider: row.provider as string,
    failures: row.failures as number,
  };
}

export async function recordSandboxReleased(db: Database, { key, taskId }: SandboxToRelease): Promise<void> {
  // The event first: after the ledger's word nothing would come back for it.
  await changeTask(db, taskId, { event: { type: 'sandboxReleased', at: new Date().toISOString() } });
  await query(db, `update sandbox set state = 'released', failures = 0, updated_at = now() where key = ?`, [
    key,
  ]);
}

/** Tries again later: soon at first, every 30 seconds in the end. */
export async function scheduleReleaseRetry(db: Database, { key }: SandboxToRelease): Promise<void> {
  await query(
    db,
    `with released as (
       update sandbox set failures = failures + 1, updated_at = now() where key = ? and state = 'releasing'
       returning key, failures
     )
     select (graphile_worker.add_job('releaseSandbox', json_build_object('key', key), job_key => 'release:' || key,
       run_at => now() + least(30, power(2, least(failures, 10) - 1)) * interval '1 second')).id from released`,
    [key],
  );
}

/** A sandbox may have come into being after it was released: its provider took no notice of the signal. */
export async function requeueRelease(db: Database, keys: readonly string[]): Promise<string[]> {
  const rows = await query(
    db,
    `with released as (
       update sandbox s set state = 'releasing', updated_at = now() from task t
       where s.key in (select jsonb_array_elements_text(?::jsonb)) and t.id = s.task_id
         and t.status in ('canceled', 'archived')
         and (s.state <> 'releasing' or s.updated_at < now() - interval '45 seconds')
       returning s.key
     )
     select key, ${addReleaseJobSql} as job from released`,
    [JSON.stringify(keys)],
  );
  return rows.map((row) => row.key as string);
}

/** Sandboxes that wait for their release with no job to do it. */
export async function requeueStuckReleases(db: Database): Promise<string[]> {
  const rows = await query(
    db,
    `with released as (
       update sandbox s set updated_at = now()
       where s.state = 'releasing' and s.updated_at < now() - interval '60 seconds'
         and not exists (
           select from graphile_worker.jobs j
           where j.key = 'release:' || s.key and (
             j.locked_at > now() - interval '90 seconds' or j.locked_at is null and j.attempts < j.max_attempts
           )
         )
       returning s.key
     )
     select key, ${addReleaseJobSql} as job from released`,
    [],
  );
  return rows.map((row) => row.key as string);
}
