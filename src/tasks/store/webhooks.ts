import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { newId, uuidOfId } from '../domain/id.ts';
import { testKind, type Webhook, type WebhookDelivery } from '../domain/webhook.ts';
import { insertAudit } from './audit-log.ts';
import { insertKey, type NewIdempotencyKey } from './idempotency-keys.ts';
import { addDeliveriesRemovalJob, addDeliverJob } from './jobs.ts';
import { type DeliveryRow, toDelivery, toWebhook, type WebhookRow } from './webhook-rows.ts';

// What the owners of webhooks ask for. Each statement names the workspace: another workspace's webhook is a missing one.

const columns = sql`webhook.id, webhook.workspace_id, url, kinds, webhook.is_enabled, disabled_at, disabled_reason, failing_since,
  webhook.created_at`;

export interface NewWebhook {
  readonly workspaceId: string;
  readonly url: string;
  readonly kinds: readonly string[] | null;
  readonly secret: string;
}

/** Stores nothing when the workspace has `max` webhooks already, or when the key is used. */
export function insertWebhook(
  db: Database,
  { workspaceId, url, kinds, secret }: NewWebhook,
  key: Omit<NewIdempotencyKey, 'workspaceId' | 'objectId'> | null,
  actor: string,
  max: number,
): Promise<Webhook | 'full' | 'keyUsed'> {
  return db.transaction(async (tx) => {
    // Those of one workspace wait here for each other; the count sees what the one before has stored.
    await sql`select from workspace where id = ${workspaceId} for no key update`.execute(tx.kysely);
    const id = newId('webhook', db.clock.now());
    const newKey = key && insertKey({ ...key, workspaceId, objectId: id }, 'room');
    const details = { origin: new URL(url).origin, kinds };
    const { rows } = await sql<WebhookRow & { has_room: boolean }>`
      with room as (
        select from (select count(*) from webhook where workspace_id = ${workspaceId}) webhooks where count < ${max}
      ), ${newKey ? sql`inserted_key as (${newKey}),` : sql``}
      inserted as (
        insert into webhook (id, workspace_id, url, kinds, secret)
        select ${id}, ${workspaceId}, ${url}, ${kinds}::text[], ${secret} from ${sql.table(newKey ? 'inserted_key' : 'room')}
        returning ${columns}
      ), audit as (${insertAudit({ actor, action: 'webhook.created', details }, 'inserted')})
      select inserted.*, exists (select from room) as has_room from (select) one left join inserted on true
    `.execute(tx.kysely);
    const [row] = rows as [(typeof rows)[number]];
    if (row.id) return toWebhook(row);
    return row.has_room ? 'keyUsed' : 'full';
  });
}

/** A webhook with its secret, while that is the one that it was made with. Null when it is not, or the webhook is gone. */
export async function findWithFirstSecret(
  db: Database,
  workspaceId: string,
  id: string,
): Promise<{ webhook: Webhook; secret: string } | null> {
  const { rows } = await sql<WebhookRow & { secret: string }>`
    select ${columns}, secret from webhook
    where id = ${id} and workspace_id = ${workspaceId} and previous_secret is null
  `.execute(db.kysely);
  return rows[0] ? { webhook: toWebhook(rows[0]), secret: rows[0].secret } : null;
}

/** Undefined leaves a value as it is. */
export interface WebhookChange {
  readonly url: string | undefined;
  readonly kinds: readonly string[] | null | undefined;
  readonly isEnabled: boolean | undefined;
}

/** What waits is due at once, and its days of retries start again. Null when the workspace has no such webhook. */
export async function updateWebhook(
  db: Database,
  workspaceId: string,
  id: string,
  { url, kinds, isEnabled }: WebhookChange,
  actor: string,
): Promise<Webhook | null> {
  const details = { origin: url && new URL(url).origin, kinds, isEnabled };
  // Deliveries are locked before their webhook, as where the outcome of an attempt is stored: the other order is a deadlock.
  const { rows } = await sql<WebhookRow>`
    with due as (
      update webhook_delivery set next_attempt_at = now(), first_failed_at = null from webhook
      where webhook.id = ${id} and webhook.workspace_id = ${workspaceId} and webhook_delivery.webhook_id = webhook.id
        and state = 'pending' and first_failed_at is not null
      returning webhook_delivery.id
    ), changed as (
      update webhook set url = coalesce(${url ?? null}, url),
        kinds = case when ${kinds !== undefined} then ${kinds ?? null}::text[] else kinds end,
        is_enabled = wanted.is_enabled,
        disabled_at = case when wanted.is_enabled then null else coalesce(disabled_at, now()) end,
        disabled_reason = case when wanted.is_enabled then null else disabled_reason end,
        failing_since = null, retry_at = null
      from (
        select webhook.id, coalesce(${isEnabled ?? null}::bool, webhook.is_enabled) as is_enabled
        from webhook where webhook.id = ${id}
      ) wanted
      where webhook.id = wanted.id and webhook.workspace_id = ${workspaceId} and (select count(*) from due) >= 0
      returning ${columns}
    ), audit as (${insertAudit({ actor, action: 'webhook.updated', details }, 'changed')})
    select changed.*, ${addDeliverJob(sql.ref('changed.id'))} as job from changed
  `.execute(db.kysely);
  return rows[0] ? toWebhook(rows[0]) : null;
}

/** A job removes its deliveries, of which there may be very many. Null when the workspace has no such webhook. */
export async function deleteWebhook(
  db: Database,
  workspaceId: string,
  id: string,
  actor: string,
): Promise<Webhook | null> {
  const { rows } = await sql<WebhookRow>`
    with deleted as (
      delete from webhook where id = ${id} and workspace_id = ${workspaceId} returning ${columns}
    ), audit as (${insertAudit({ actor, action: 'webhook.deleted' }, 'deleted')})
    select deleted.*, ${addDeliveriesRemovalJob(sql.ref('deleted.id'))} as job from deleted
  `.execute(db.kysely);
  return rows[0] ? toWebhook(rows[0]) : null;
}

/** The secret that it takes the place of signs for 24 hours more. Null when the workspace has no such webhook. */
export async function rotateSecret(
  db: Database,
  workspaceId: string,
  id: string,
  secret: string,
  actor: string,
): Promise<Webhook | null> {
  const { rows } = await sql<WebhookRow>`
    with rotated as (
      update webhook set secret = ${secret}, previous_secret = secret,
        previous_secret_until = now() + interval '24 hours'
      where id = ${id} and workspace_id = ${workspaceId}
      returning ${columns}
    ), audit as (${insertAudit({ actor, action: 'webhook.secret_rotated' }, 'rotated')})
    select * from rotated
  `.execute(db.kysely);
  return rows[0] ? toWebhook(rows[0]) : null;
}

/** Stores a message that says nothing but that it is a test. Null when the workspace has no such webhook. */
export async function insertTest(
  db: Database,
  workspaceId: string,
  id: string,
): Promise<WebhookDelivery | null> {
  const deliveryId = newId('delivery', db.clock.now());
  return deliveryOf(
    db,
    sql`insert into webhook_delivery (id, webhook_id, message_id, kind)
      select ${uuidOfId(deliveryId)}::uuid, id, ${deliveryId}, ${testKind}
      from webhook where id = ${id} and workspace_id = ${workspaceId}
      returning webhook_delivery.*`,
  );
}

/** Puts a delivery back into the order of its task, due at once. Null when the workspace has no such delivery. */
export async function redeliver(
  db: Database,
  workspaceId: string,
  uuid: string,
): Promise<WebhookDelivery | null> {
  return deliveryOf(
    db,
    sql`update webhook_delivery set state = 'pending', next_attempt_at = now(), first_failed_at = null,
        attempts = 0, delivered_at = null, response_status = null, error = null
      from webhook where webhook_delivery.id = ${uuid}::uuid and webhook.id = webhook_delivery.webhook_id
        and webhook.workspace_id = ${workspaceId}
      returning webhook_delivery.*`,
  );
}

async function deliveryOf(db: Database, change: RawBuilder<unknown>): Promise<WebhookDelivery | null> {
  const { rows } = await sql<DeliveryRow>`
    with changed as (${change})
    select changed.*, ${addDeliverJob(sql.ref('changed.webhook_id'))} as job from changed
  `.execute(db.kysely);
  return rows[0] ? toDelivery(rows[0]) : null;
}
