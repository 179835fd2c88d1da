import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { changeTask } from './change-task.ts';
import { addReleaseJob, hasRunnableJob, releaseJobKey } from './jobs.ts';

// Every sandbox that was ever intended is a row: `requested` from before it is made, `releasing` once it is to be
// destroyed, `released` when its provider says that it is gone.

export interface SandboxToRelease {
  readonly key: string;
  readonly taskId: string;
  readonly provider: string;
  /** Attempts to release it that failed. */
  readonly failures: number;
}

/** Null when no sandbox of this key is to be released. */
export async function findSandboxToRelease(db: Database, key: string): Promise<SandboxToRelease | null> {
  const row = await db.kysely
    .selectFrom('sandbox')
    .select(['key', 'task_id', 'provider', 'failures'])
    .where('key', '=', key)
    .where('state', '=', 'releasing')
    .executeTakeFirst();
  if (!row) return null;
  return { key: row.key, taskId: row.task_id, provider: row.provider, failures: row.failures };
}

export async function recordSandboxReleased(db: Database, { key, taskId }: SandboxToRelease): Promise<void> {
  // Write the task event first: once the ledger says released, no sweep retries it.
  await changeTask(db, taskId, { event: { type: 'sandboxReleased', at: new Date().toISOString() } });
  await db.kysely
    .updateTable('sandbox')
    .set({ state: 'released', failures: 0, updated_at: sql<string>`now()` })
    .where('key', '=', key)
    .execute();
}

/** Schedules the next attempt: after a second at first, every 30 seconds in the end. */
export async function scheduleReleaseRetry(db: Database, { key }: SandboxToRelease): Promise<void> {
  const delay = sql`least(30, power(2, least(failed.failures, 10) - 1)) * interval '1 second'`;
  await sql`
    with failed as (
      update sandbox set failures = failures + 1, updated_at = now()
      where key = ${key} and state = 'releasing'
      returning key, failures
    )
    select ${addReleaseJob(sql.ref('failed.key'), delay)} from failed
  `.execute(db.kysely);
}

/**
 * Releases again the sandboxes of closed tasks which exist again because the provider ignored the signal. Returns their
 * keys.
 */
export async function requeueRelease(db: Database, keys: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    with leaked as (
      update sandbox set state = 'releasing', updated_at = now() from task
      where sandbox.key = any(${keys}) and task.id = sandbox.task_id and task.status in ('canceled', 'archived')
        and (sandbox.state <> 'releasing' or sandbox.updated_at < now() - interval '45 seconds')
      returning sandbox.key
    )
    select key, ${addReleaseJob(sql.ref('leaked.key'))} as job from leaked
  `.execute(db.kysely);
  return rows.map(({ key }) => key);
}

/** Queues releases again that have no runnable job. Returns the sandboxes' keys. */
export async function requeueStuckReleases(db: Database): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    with stuck as (
      update sandbox set updated_at = now()
      where state = 'releasing' and updated_at < now() - interval '60 seconds'
        and not ${hasRunnableJob(releaseJobKey(sql.ref('sandbox.key')), '90 seconds')}
      returning key
    )
    select key, ${addReleaseJob(sql.ref('stuck.key'))} as job from stuck
  `.execute(db.kysely);
  return rows.map(({ key }) => key);
}
