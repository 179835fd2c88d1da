import { defineEntity, p } from '@mikro-orm/core';
import type { DeliveryState } from '../../tasks/domain/webhook.ts';
import { createdNow, id, instant } from './columns.ts';
import { TaskEntity, WorkspaceEntity } from './tasks.ts';

/** Where revisions of a workspace are sent. */
export const WebhookEntity = defineEntity({
  name: 'Webhook',
  tableName: 'webhook',
  indexes: [{ name: 'webhook_page', properties: ['workspace', 'id'] }],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('webhook_workspace_id_fkey').mapToPk(),
    url: p.text(),
    /** Of the events that it asks for; null: all. */
    kinds: p.array().columnType('text[]').nullable(),
    /** What signs. Readable, because each delivery is signed with it. */
    secret: p.text(),
    /** Signs too, until then. */
    previousSecret: p.text().nullable(),
    previousSecretUntil: instant().nullable(),
    /** While it is switched off, no deliveries are stored for it, and none are sent. */
    isEnabled: p.boolean().default(true),
    disabledAt: instant().nullable(),
    /** Null: somebody switched it off. */
    disabledReason: p.text().nullable(),
    /** The first attempt that failed since the last one that was accepted. */
    failingSince: instant().nullable(),
    /** Until then no delivery is attempted again. */
    retryAt: instant().nullable(),
    /** The worker that sends its deliveries; one at a time, which keeps their order. */
    leasedBy: p.text().nullable(),
    createdAt: createdNow(),
  },
});

/**
 * One revision, or a test, for one webhook. The trigger of `task_event` stores it in the transaction of the revision. Without
 * a foreign key to the webhook: each revision would lock the webhook's row.
 */
export const WebhookDeliveryEntity = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_delivery',
  indexes: [
    { name: 'webhook_delivery_page', properties: ['webhookId', 'id'] },
    {
      name: 'webhook_delivery_pending',
      properties: ['webhookId', 'task', 'revision'],
      expression: `create index webhook_delivery_pending on webhook_delivery (webhook_id, task_id, revision) where state = 'pending'`,
    },
    { name: 'webhook_delivery_task', properties: ['task'] },
  ],
  checks: [
    { name: 'webhook_delivery_state_check', expression: `state in ('pending', 'delivered', 'failed')` },
  ],
  properties: {
    id: p.uuid().primary(),
    webhookId: id(),
    /** Null: a test. Deleted together with the task. */
    task: () =>
      p
        .manyToOne(TaskEntity)
        .foreignKeyName('webhook_delivery_task_id_fkey')
        .deleteRule('cascade')
        .updateRule('no action')
        .mapToPk()
        .nullable(),
    revision: p.integer().nullable(),
    /** The event's id, by which receivers know what they have had. */
    messageId: id(),
    kind: p.text(),
    state: p.text().$type<DeliveryState>().default('pending'),
    attempts: p.integer().default(0),
    nextAttemptAt: instant().defaultRaw('now()').nullable(),
    firstFailedAt: instant().nullable(),
    lastAttemptAt: instant().nullable(),
    deliveredAt: instant().nullable(),
    /** Of the last attempt. */
    responseStatus: p.integer().nullable(),
    error: p.text().nullable(),
    createdAt: createdNow(),
  },
});
