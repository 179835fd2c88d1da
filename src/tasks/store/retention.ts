import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { provisionJobKey, releaseJobKey } from './jobs.ts';

/**
 * Deletes up to `limit` tasks that were closed more than `retentionDays` ago and whose sandbox is released, with their
 * events, sessions, transcripts, ledger rows and jobs. Returns how many it deleted.
 *
 * The index of closed tasks is by creation, which is before the closing.
 *
 * A task that is being written to is left for a later batch. Projects stay, also without tasks, and so do idempotency keys
 * until they expire: `createTask` refuses to make a second task under the key of a deleted one.
 */
export async function deleteClosedTasks(db: Database, retentionDays: number, limit: number): Promise<number> {
  // Only `released` ledger rows are deleted. If a late call of a provider puts one back to `releasing` at this moment, the
  // row still refers to its task, the statement fails, and no sandbox is forgotten.
  const { rows } = await sql<{ tasks: number }>`
    with closed as (
      select id from task
      where status in ('canceled', 'archived') and updated_at < now() - ${retentionDays} * interval '1 day'
        and created_at < now() - ${retentionDays} * interval '1 day'
        and not exists (select from sandbox where sandbox.task_id = task.id and sandbox.state <> 'released')
      order by created_at limit ${limit} for update skip locked
    ), deleted_event as (
      delete from task_event using closed where task_event.task_id = closed.id
    ), closed_session as (
      select session.id from session join closed on closed.id = session.task_id
    ), deleted_request as (
      delete from agent_request using closed_session where agent_request.session_id = closed_session.id
    ), deleted_prompt as (
      delete from prompt using closed_session where prompt.session_id = closed_session.id
    ), deleted_chunk as (
      delete from transcript_chunk using closed_session where transcript_chunk.session_id = closed_session.id
    ), deleted_item as (
      delete from transcript_item using closed_session where transcript_item.session_id = closed_session.id
    ), deleted_conversation as (
      delete from conversation using closed where conversation.task_id = closed.id
    ), deleted_session as (
      delete from session using closed where session.task_id = closed.id
    ), deleted_sandbox as (
      delete from sandbox using closed where sandbox.task_id = closed.id and sandbox.state = 'released'
      returning sandbox.key
    ), deleted_task as (
      delete from task using closed where task.id = closed.id returning task.id
    ), removed_job as (
      select graphile_worker.remove_job(${provisionJobKey(sql.ref('id'))}) from deleted_task
      union all
      select graphile_worker.remove_job(${releaseJobKey(sql.ref('key'))}) from deleted_sandbox
    )
    select (select count(*)::int from deleted_task) as tasks, (select count(*) from removed_job) as jobs
  `.execute(db.kysely);
  return rows[0]?.tasks ?? 0;
}

/**
 * Deletes up to `limit` idempotency keys that are older than two days: a day more than is promised. Returns how many it
 * deleted.
 */
export async function deleteExpiredKeys(db: Database, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from idempotency_key where ctid = any (array(
      select ctid from idempotency_key where created_at < now() - interval '48 hours'
      order by created_at limit ${limit} for update skip locked
    )) returning key
  `.execute(db.kysely);
  return rows.length;
}

/**
 * Deletes up to `limit` task tokens that expired more than 30 days ago: a page that shows tasks may make thousands a day. The
 * audit log keeps that they were made. Returns how many it deleted.
 */
export async function deleteExpiredTaskTokens(db: Database, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from api_token where ctid = any (array(
      select ctid from api_token where task_id is not null and expires_at < now() - interval '30 days'
      limit ${limit} for update skip locked
    )) returning id
  `.execute(db.kysely);
  return rows.length;
}
