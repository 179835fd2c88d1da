import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { TaskEvent } from '../domain/task.ts';
import { systemActor } from '../domain/viewer.ts';
import { insertAudit } from './audit-log.ts';
import { addDeliverJob, deliverJobKey, hasRunnableJob } from './jobs.ts';
import { selectEvents, toTask, toTaskEvent } from './task-rows.ts';
import { anyOf, valueApart } from './values-apart.ts';

// What the workers that send deliveries read and write. One worker at a time has the lease of a webhook, so its deliveries for
// a task are sent in their order. Every instant is the database's.

/**
 * Leases the webhook to the worker. False when another living worker has it, or the webhook does not exist. A worker that
 * was declared dead leases nothing.
 */
export async function leaseWebhook(db: Database, id: string, workerId: string): Promise<boolean> {
  const { rows } = await sql`
    update webhook set leased_by = ${workerId}
    where id = ${id} and exists (select from worker where worker.id = ${workerId})
      and (leased_by is null or leased_by = ${workerId}
        or not exists (select from worker where worker.id = webhook.leased_by))
    returning id
  `.execute(db.kysely);
  return rows.length > 0;
}

/** Gives the lease back. Call {@link scheduleDeliveries} after it, for what was stored meanwhile. */
export async function releaseWebhook(db: Database, id: string, workerId: string): Promise<void> {
  await db.kysely
    .updateTable('webhook')
    .set({ leased_by: null })
    .where('id', '=', id)
    .where('leased_by', '=', workerId)
    .execute();
}

/** The webhooks that the worker has leased. */
export async function webhooksOf(db: Database, workerId: string): Promise<string[]> {
  const rows = await db.kysely.selectFrom('webhook').select('id').where('leased_by', '=', workerId).execute();
  return rows.map(({ id }) => id);
}

/** Takes the webhooks of a worker that is dead from it, and lets others go on with them. */
export async function freeWebhooksOf(tx: Database, workerId: string): Promise<void> {
  await sql`
    with freed as (update webhook set leased_by = null where leased_by = ${workerId} returning id)
    select ${addDeliverJob(sql.ref('freed.id'))} from freed
  `.execute(tx.kysely);
}

/** Deliveries that are due, each the first that waits for its task, with how to send them. */
export interface DueDeliveries {
  readonly url: string;
  /** Each signs. */
  readonly secrets: readonly string[];
  readonly deliveries: readonly DueDelivery[];
}

export interface DueDelivery {
  /** A UUID. */
  readonly id: string;
  /** That were made before. */
  readonly attempts: number;
  readonly messageId: string;
  readonly kind: string;
  readonly createdAt: string;
  /** Null: a test. */
  readonly event: TaskEvent | null;
}

/**
 * SQL of two tables: `head`, the delivery of each task that comes next, and `test`. The index of pending deliveries is
 * searched once for each task that has some, however many they are.
 */
function heads(webhookId: string): RawBuilder<unknown> {
  const next = (after: RawBuilder<unknown>) => sql`
    select id, task_id, attempts, next_attempt_at from webhook_delivery
    where webhook_id = ${webhookId} and state = 'pending' and task_id > ${after}
    order by task_id, revision limit 1`;
  return sql`head as (
    (${next(sql`''`)})
    union all
    select following.* from head cross join lateral (${next(sql`head.task_id`)}) following
  ), test as (
    select id, next_attempt_at from webhook_delivery
    where webhook_id = ${webhookId} and state = 'pending' and task_id is null
  )`;
}

/**
 * Up to `limit` deliveries that are due; one, while nothing is accepted. Null when none is due, or the worker has lost the
 * webhook. What failed before waits for its own pause and for the webhook's; what was never sent waits for neither.
 */
export async function readDueDeliveries(
  db: Database,
  webhookId: string,
  workerId: string,
  limit: number,
): Promise<DueDeliveries | null> {
  const { rows } = await sql<{
    url: string;
    secret: string;
    previous_secret: string | null;
    id: string;
    attempts: number;
    message_id: string;
    kind: string;
    created_at: string;
    task_id: string | null;
  }>`
    with recursive hook as materialized (
      select url, secret, is_enabled, failing_since, retry_at,
        case when previous_secret_until > now() then previous_secret end as previous_secret
      from webhook where id = ${webhookId} and leased_by = ${workerId}
    ), ${heads(webhookId)}, due as (
      (select id from test where next_attempt_at <= now() limit 1)
      union all
      (select head.id from head, hook
        where hook.is_enabled and head.next_attempt_at <= now()
          and (head.attempts = 0 or hook.retry_at is null or hook.retry_at <= now())
        limit (select case when failing_since is null then ${limit}::int else 1 end from hook))
    )
    select hook.url, hook.secret, hook.previous_secret, delivery.id, delivery.attempts, delivery.message_id,
      delivery.kind, delivery.created_at, delivery.task_id
    from hook cross join due join webhook_delivery delivery on delivery.id = due.id
  `.execute(db.kysely);
  const [first] = rows;
  if (!first) return null;
  const revisions = rows.flatMap((row) => (row.task_id === null ? [] : [row.message_id]));
  const events = new Map((await readEvents(db, revisions)).map((event) => [event.id, event]));
  return {
    url: first.url,
    secrets: first.previous_secret === null ? [first.secret] : [first.secret, first.previous_secret],
    deliveries: rows.flatMap((row) => {
      const event = events.get(row.message_id) ?? null;
      // The task was deleted meanwhile, and the delivery with it.
      if (row.task_id !== null && event === null) return [];
      const { id, attempts, message_id: messageId, kind, created_at: createdAt } = row;
      return [{ id, attempts, messageId, kind, createdAt, event }];
    }),
  };
}

async function readEvents(db: Database, ids: readonly string[]): Promise<TaskEvent[]> {
  if (ids.length === 0) return [];
  const rows = await selectEvents(db).where('task_event.id', '=', anyOf(ids)).execute();
  return rows.map((row) => toTaskEvent(toTask(row), row));
}

/**
 * Records that the receiver has accepted a delivery: it answers, so what waits because it did not is due. That is all of it
 * after a minute without an accepted delivery; a single delivery that the receiver refuses keeps its own pause.
 */
export async function recordAccepted(db: Database, id: string, status: number | null): Promise<void> {
  await sql`
    with delivered as (
      update webhook_delivery set state = 'delivered', attempts = attempts + 1, last_attempt_at = now(),
        delivered_at = now(), response_status = ${status}, error = null
      where id = ${id} and state = ${valueApart('pending')}
      returning webhook_id
    ), failing as (
      select webhook.id, failing_since from delivered join webhook on webhook.id = delivered.webhook_id
      where failing_since is not null
    ), recovered as (
      update webhook set failing_since = null, retry_at = null from failing where webhook.id = failing.id
    )
    update webhook_delivery set next_attempt_at = now() from failing
    where failing.failing_since < now() - interval '1 minute' and webhook_delivery.webhook_id = failing.id
      and state = 'pending' and next_attempt_at > now() and webhook_delivery.id <> ${id}
  `.execute(db.kysely);
}

/** How long what keeps failing is retried. */
const giveUpAfter = sql`interval '3 days'`;

/**
 * SQL of the pause before the next attempt of what has failed since `since`: half of the time that this is, so that pauses
 * grow; from a second to eight minutes, and a fifth more or less, so that not all come back at the same moment.
 */
function pauseSince(since: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`least(greatest((now() - ${since}) / 2, interval '1 second'), interval '8 minutes')
    * (0.8 + 0.4 * random())`;
}

/**
 * Records an attempt that failed. A delivery that has failed for three days switches its webhook off; a test is not attempted
 * again, and says nothing about the webhook. Returns whether the webhook was switched off. A second call for the same attempt
 * changes nothing.
 */
export async function recordFailure(
  db: Database,
  { id, attempts }: DueDelivery,
  { status, error }: { readonly status: number | null; readonly error: string | null },
): Promise<boolean> {
  const firstFailedAt = sql`coalesce(first_failed_at, now())`;
  const failingSince = sql`coalesce(webhook.failing_since, now())`;
  const isOver = sql`least(webhook.failing_since, failed.first_failed_at) < now() - ${giveUpAfter}`;
  const reason = `Deliveries were not accepted for three days. The last attempt: ${error}`;
  const { rows } = await sql`
    with failed as (
      update webhook_delivery set attempts = attempts + 1, last_attempt_at = now(), response_status = ${status},
        error = ${error}, first_failed_at = ${firstFailedAt},
        state = case when task_id is null then 'failed' else state end,
        next_attempt_at = now() + ${pauseSince(firstFailedAt)}
      where id = ${id} and state = ${valueApart('pending')} and attempts = ${attempts}
      returning webhook_id, task_id, first_failed_at
    ), hook as (
      select webhook.id, webhook.is_enabled and coalesce(${isOver}, false) as is_over
      from failed join webhook on webhook.id = failed.webhook_id where failed.task_id is not null
      for update of webhook
    ), changed as (
      update webhook set failing_since = ${failingSince}, retry_at = now() + ${pauseSince(failingSince)},
        is_enabled = is_enabled and not hook.is_over,
        disabled_at = case when hook.is_over then now() else disabled_at end,
        disabled_reason = case when hook.is_over then ${reason} else disabled_reason end
      from hook where webhook.id = hook.id
      returning webhook.id, webhook.workspace_id, hook.is_over
    ), disabled as (
      select id, workspace_id from changed where is_over
    ), audit as (${insertAudit({ actor: systemActor, action: 'webhook.disabled', details: { reason } }, 'disabled')})
    select from disabled
  `.execute(db.kysely);
  return rows.length > 0;
}

/** Plans the next look at a webhook that no worker has: at once when something is due, or when the next thing will be. */
export async function scheduleDeliveries(db: Database, webhookId: string): Promise<void> {
  await sql`
    with recursive hook as (
      select is_enabled, retry_at from webhook where id = ${webhookId}
    ), ${heads(webhookId)}, due as (
      select next_attempt_at as at from test
      union all
      select case when head.attempts = 0 then head.next_attempt_at else greatest(head.next_attempt_at, hook.retry_at) end
      from head, hook where hook.is_enabled
    )
    select ${addDeliverJob(sql`${webhookId}::text`, sql`next.at`)} from (select min(at) as at from due) next where at is not null
  `.execute(db.kysely);
}

/** Lets a worker that has room look at the webhook in a second. */
export async function postponeDeliveries(db: Database, webhookId: string): Promise<void> {
  await sql`select ${addDeliverJob(sql`${webhookId}::text`, sql`now() + interval '1 second'`)}`.execute(
    db.kysely,
  );
}

/** Queues webhooks again that have had something due for ten seconds, and that no worker and no job looks at. Returns their ids. */
export async function requeueOverdueWebhooks(db: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with overdue as (
      select id from webhook
      where (leased_by is null or not exists (select from worker where worker.id = webhook.leased_by))
        and (retry_at is null or retry_at < now() - interval '10 seconds')
        and exists (
          select from webhook_delivery delivery where delivery.webhook_id = webhook.id and delivery.state = 'pending'
            and delivery.next_attempt_at < now() - interval '10 seconds'
            and (webhook.is_enabled or delivery.task_id is null)
        )
        and not ${hasRunnableJob(deliverJobKey(sql.ref('webhook.id')), '10 seconds')}
    )
    select id, ${addDeliverJob(sql.ref('overdue.id'))} as job from overdue
  `.execute(db.kysely);
  return rows.map(({ id }) => id);
}

/** Deletes up to `limit` deliveries of a webhook that was deleted. Returns how many it deleted. */
export async function deleteDeliveriesOf(db: Database, webhookId: string, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from webhook_delivery where id = any (array(
      select id from webhook_delivery
      where webhook_id = ${webhookId} and not exists (select from webhook where webhook.id = ${webhookId})
      limit ${limit} for update skip locked
    )) returning id
  `.execute(db.kysely);
  return rows.length;
}

/**
 * Deletes up to `limit` deliveries that are older than 30 days and will not be sent: they are over, or their webhook is
 * switched off or gone. Returns how many it deleted.
 */
export async function deleteOldDeliveries(db: Database, limit: number): Promise<number> {
  // The ids sort by time.
  const monthAgo = sql`rpad(lpad(to_hex(floor(extract(epoch from now() - interval '30 days') * 1000)::bigint), 12, '0'), 32, '0')::uuid`;
  const { rows } = await sql`
    delete from webhook_delivery where id = any (array(
      select id from webhook_delivery delivery
      where id < ${monthAgo} and (state <> 'pending'
        or not exists (select from webhook where webhook.id = delivery.webhook_id and webhook.is_enabled))
      order by id limit ${limit} for update skip locked
    )) returning id
  `.execute(db.kysely);
  return rows.length;
}
