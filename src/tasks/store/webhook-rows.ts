import type { Selectable } from 'kysely';
import type { Tables } from '../../tables/tables.ts';
import { idOfUuid } from '../domain/id.ts';
import type { Timestamp } from '../domain/task.ts';
import type { Webhook, WebhookDelivery } from '../domain/webhook.ts';
import { toTimestamp } from './task-rows.ts';

/** Columns of a webhook that leave the database: never its secrets. */
export const webhookColumns = [
  'webhook.id',
  'webhook.workspace_id',
  'webhook.url',
  'webhook.kinds',
  'webhook.is_enabled',
  'webhook.disabled_at',
  'webhook.disabled_reason',
  'webhook.failing_since',
  'webhook.created_at',
] as const;

export const deliveryColumns = [
  'webhook_delivery.id',
  'webhook_delivery.webhook_id',
  'webhook_delivery.task_id',
  'webhook_delivery.message_id',
  'webhook_delivery.kind',
  'webhook_delivery.state',
  'webhook_delivery.attempts',
  'webhook_delivery.next_attempt_at',
  'webhook_delivery.last_attempt_at',
  'webhook_delivery.delivered_at',
  'webhook_delivery.response_status',
  'webhook_delivery.error',
  'webhook_delivery.created_at',
] as const;

type WebhookTable = Selectable<Tables['webhook']>;
type DeliveryTable = Selectable<Tables['webhook_delivery']>;

export type WebhookRow = Pick<
  WebhookTable,
  | 'id'
  | 'workspace_id'
  | 'url'
  | 'kinds'
  | 'is_enabled'
  | 'disabled_at'
  | 'disabled_reason'
  | 'failing_since'
  | 'created_at'
>;

export type DeliveryRow = Omit<DeliveryTable, 'revision' | 'first_failed_at'>;

export function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    url: row.url,
    kinds: row.kinds,
    isEnabled: row.is_enabled,
    disabledAt: optional(row.disabled_at),
    disabledReason: row.disabled_reason,
    failingSince: optional(row.failing_since),
    createdAt: toTimestamp(row.created_at),
  };
}

export function toDelivery(row: DeliveryRow): WebhookDelivery {
  return {
    // A trigger makes the ids of deliveries, and SQL has no TypeID.
    id: idOfUuid('delivery', row.id),
    webhookId: row.webhook_id,
    messageId: row.message_id,
    isTest: row.task_id === null,
    kind: row.kind,
    state: row.state,
    attempts: row.attempts,
    responseStatus: row.response_status,
    error: row.error,
    createdAt: toTimestamp(row.created_at),
    lastAttemptAt: optional(row.last_attempt_at),
    nextAttemptAt: row.state === 'pending' ? optional(row.next_attempt_at) : null,
    deliveredAt: optional(row.delivered_at),
  };
}

function optional(instant: string | null): Timestamp | null {
  return instant === null ? null : toTimestamp(instant);
}
