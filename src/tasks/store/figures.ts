import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';

/** What operators watch, of all workspaces. Each part reads a partial index or a small table, however much is stored. */
export async function readFigures(db: Database) {
  const seconds = (instant: RawBuilder<unknown>) =>
    sql`greatest(0, coalesce(extract(epoch from now() - ${instant}), 0))::float8`;
  const { rows } = await sql<{ [name in (typeof names)[number]]: number }>`
    select waiting.*, leased.*, job.*, releasing.*, conversation.*, prompt.*, request.*, delivery.*,
      (select count(*)::int from webhook where failing_since is not null and is_enabled) as "webhooksFailing",
      (select count(*)::int from worker where heartbeat_at > now() - interval '5 seconds') as workers,
      pg_notification_queue_usage() as "notificationQueue"
    from (
      select count(*)::int as "tasksWaiting",
        count(*) filter (where wake_at < now() - interval '10 seconds')::int as "tasksOverdue",
        ${seconds(sql`min(wake_at)`)} as "oldestTaskSeconds"
      from task where wake_at is not null and leased_by is null
    ) waiting, (
      select count(*)::int as "tasksLeased" from task where leased_by is not null
    ) leased, (
      select count(*) filter (where locked_at is null and attempts < max_attempts and run_at <= now())::int as "jobsReady",
        count(*) filter (where locked_at is not null)::int as "jobsRunning",
        count(*) filter (where locked_at is null and attempts >= max_attempts)::int as "jobsFailed",
        ${seconds(sql`min(greatest(run_at, created_at)) filter (where locked_at is null and attempts < max_attempts)`)} as "oldestJobSeconds"
      from graphile_worker.jobs
    ) job, (
      select count(*)::int as "sandboxesReleasing",
        count(*) filter (where updated_at < now() - interval '1 minute')::int as "sandboxesOverdue"
      from sandbox where state = 'releasing'
    ) releasing, (
      select (select count(*)::int from conversation where followed_by is not null) as "sessionsFollowed",
        (select count(*)::int from conversation where is_open and followed_by is null) as "sessionsUnfollowed"
    ) conversation, (
      select count(*) filter (where state = 'queued')::int as "promptsQueued",
        count(*) filter (where state = 'unknown')::int as "promptsUnknown"
      from prompt where state in ('queued', 'sending', 'accepted', 'unknown')
    ) prompt, (
      select coalesce(sum(open.count), 0)::int as "requestsOpen", ${seconds(sql`min(open.oldest)`)} as "oldestRequestSeconds"
      from workspace cross join lateral (
        select count(*), min(created_at) as oldest from agent_request
        where agent_request.workspace_id = workspace.id and agent_request.state = 'open'
      ) open
    ) request, (
      select count(*)::int as "deliveriesPending" from webhook_delivery where state = 'pending'
    ) delivery
  `.execute(db.kysely);
  return rows[0] as (typeof rows)[number];
}

const names = [
  'tasksWaiting',
  'tasksOverdue',
  'oldestTaskSeconds',
  'tasksLeased',
  'jobsReady',
  'jobsRunning',
  'jobsFailed',
  'oldestJobSeconds',
  'sandboxesReleasing',
  'sandboxesOverdue',
  'sessionsFollowed',
  'sessionsUnfollowed',
  'promptsQueued',
  'promptsUnknown',
  'requestsOpen',
  'oldestRequestSeconds',
  'deliveriesPending',
  'webhooksFailing',
  'workers',
  'notificationQueue',
] as const;
