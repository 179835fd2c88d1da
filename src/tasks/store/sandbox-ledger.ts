import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { farAheadMs } from '../domain/next-work.ts';
import { changeTask } from './change-task.ts';
import { addProvisionJob, addReleaseJob, hasRunnableJob, inMs, releaseJobKey } from './jobs.ts';
import { valueApart } from './values-apart.ts';

// Every sandbox that was ever intended is a row: `requested` from before it is made, `releasing` once it is to be
// destroyed, `released` when its provider says that it is gone.

export interface SandboxToRelease {
  readonly key: string;
  readonly taskId: string;
  readonly provider: string;
  /** Null: every worker reaches it. */
  readonly location: string | null;
  /** Attempts to release it that failed. */
  readonly failures: number;
}

/** Null when no sandbox of this key is to be released. */
export async function findSandboxToRelease(db: Database, key: string): Promise<SandboxToRelease | null> {
  const row = await db.kysely
    .selectFrom('sandbox')
    .select(['key', 'task_id', 'provider', 'location', 'failures'])
    .where('key', '=', key)
    .where('state', '=', 'releasing')
    .executeTakeFirst();
  if (!row) return null;
  const { task_id: taskId, provider, location, failures } = row;
  return { key, taskId, provider, location, failures };
}

export async function recordSandboxReleased(db: Database, { key, taskId }: SandboxToRelease): Promise<void> {
  // Write the task event first: once the ledger says released, no sweep retries it.
  await changeTask(db, taskId, { event: { type: 'sandboxReleased' } });
  await db.kysely
    .updateTable('sandbox')
    .set({ state: 'released', failures: 0, updated_at: sql<string>`now()` })
    .where('key', '=', key)
    .execute();
}

/** Gives a release that came to the wrong worker to those that reach the sandbox. */
export async function forwardRelease(db: Database, { key }: SandboxToRelease): Promise<void> {
  await sql`
    select ${addReleaseJob(sql.ref('sandbox.key'))} from sandbox where key = ${key} and state = ${valueApart('releasing')}
  `.execute(db.kysely);
}

/**
 * For the only process that may use the database: all sandboxes of the provider that are not released lie at `location`,
 * because the database lies in the same folder. Moves their jobs there.
 */
export async function takeOverSandboxes(db: Database, provider: string, location: string): Promise<void> {
  await db.transaction(async (tx) => {
    const moved = await tx.kysely
      .updateTable('sandbox')
      .set({ location })
      .where('provider', '=', provider)
      .where('state', '<>', 'released')
      .where('location', 'is distinct from', location)
      .returning('key')
      .execute();
    const keys = moved.map(({ key }) => key);
    await sql`
      select ${addReleaseJob(sql.ref('sandbox.key'))} from sandbox where key = any(${keys}) and state = ${valueApart('releasing')}
    `.execute(tx.kysely);
    await sql`
      select ${addProvisionJob(sql.ref('task.id'), 0)} from task join sandbox on sandbox.task_id = task.id
      where sandbox.key = any(${keys}) and task.wake_at is not null
    `.execute(tx.kysely);
  });
}

/** Schedules the next attempt: after a second at first, every 30 seconds in the end. */
export async function scheduleReleaseRetry(db: Database, { key }: SandboxToRelease): Promise<void> {
  const delay = sql`least(30, power(2, least(failed.failures, 10) - 1)) * interval '1 second'`;
  await sql`
    with failed as (
      update sandbox set failures = failures + 1, updated_at = now()
      where key = ${key} and state = ${valueApart('releasing')}
      returning key, failures
    )
    select ${addReleaseJob(sql.ref('failed.key'), delay)} from failed
  `.execute(db.kysely);
}

/**
 * Releases again the sandboxes of closed tasks which exist again because the provider ignored the signal. They were seen at
 * `location` (null: the provider has none); those of another location are left alone, because what was seen is a copy.
 * Returns their keys.
 */
export async function requeueRelease(
  db: Database,
  keys: readonly string[],
  location: string | null,
): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    with leaked as (
      update sandbox set state = 'releasing', updated_at = now() from task
      where sandbox.key = any(${keys}) and task.id = sandbox.task_id and task.status in ('canceled', 'archived')
        and (sandbox.location is null or sandbox.location = ${location}::text)
        and (sandbox.state <> 'releasing' or sandbox.updated_at not between ${inMs(-45_000)} and ${inMs(farAheadMs)})
      returning sandbox.key
    )
    select key, ${addReleaseJob(sql.ref('leaked.key'))} as job from leaked
  `.execute(db.kysely);
  return rows.map(({ key }) => key);
}

/** Stores where the sandboxes are that were seen elsewhere than their tasks say. Returns the tasks. */
export async function recordMovedSandboxes(
  db: Database,
  seen: ReadonlyMap<string, string>,
  location: string | null,
): Promise<string[]> {
  const { rows } = await sql<{ task_id: string; cwd: string }>`
    select task.id as task_id, seen.cwd
    from unnest(${[...seen.keys()]}::text[], ${[...seen.values()]}::text[]) as seen (key, cwd)
      join sandbox using (key) join task on task.id = sandbox.task_id
    where sandbox.state = 'requested' and task.status in ('running', 'error')
      and (sandbox.location is null or sandbox.location = ${location}::text)
      and task.state -> 'sandbox' ->> 'cwd' <> seen.cwd
  `.execute(db.kysely);
  for (const { task_id: taskId, cwd } of rows) {
    await changeTask(db, taskId, { event: { type: 'sandboxMoved', cwd } });
  }
  return rows.map(({ task_id }) => task_id);
}

/** Queues releases again that have no runnable job. Returns the sandboxes' keys. */
export async function requeueStuckReleases(db: Database): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    with stuck as (
      update sandbox set updated_at = now()
      where state = 'releasing' and updated_at not between ${inMs(-60_000)} and ${inMs(farAheadMs)}
        and not ${hasRunnableJob(releaseJobKey(sql.ref('sandbox.key')), '90 seconds')}
      returning key
    )
    select key, ${addReleaseJob(sql.ref('stuck.key'))} as job from stuck
  `.execute(db.kysely);
  return rows.map(({ key }) => key);
}
