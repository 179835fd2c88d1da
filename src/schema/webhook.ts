import { deliveryEvent } from '../resolvers/delivery-event.ts';
import { webhookDeliveries } from '../resolvers/webhook-deliveries.ts';
import type { WebhookSecret } from '../tasks/webhooks.ts';
import { builder } from './builder.ts';
import { connectionCost, connectionOf, pageArgs } from './connection.ts';
import { WebhookDeliveryStateEnum } from './enums.ts';
import { Node } from './node.ts';
import { TaskEventRef, WebhookDeliveryRef, WebhookRef } from './refs.ts';

export const WebhookConnection = connectionOf('Webhook', WebhookRef);
const WebhookDeliveryConnection = connectionOf('WebhookDelivery', WebhookDeliveryRef);

WebhookRef.implement({
  description:
    'A URL that revisions of the workspace are sent to, signed by Standard Webhooks. docs/webhooks.md says how.',
  interfaces: [Node],
  fields: (t) => ({
    url: t.exposeString('url', { description: 'Where deliveries are sent.' }),
    kinds: t.field({
      type: ['String'],
      nullable: true,
      description:
        'The kinds of events that it asks for, as in `TaskEvent.kind`. Null: all, also those that will be added.',
      complexity: { multiplier: 1 },
      resolve: ({ kinds }) => kinds,
    }),
    isEnabled: t.exposeBoolean('isEnabled', {
      description:
        'Whether it is switched on. While it is not, revisions are not stored for it, and nothing is sent.',
    }),
    disabledAt: t.expose('disabledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was switched off.',
    }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description:
        'Why it was switched off: its deliveries were not accepted for three days. Null when `updateWebhook` switched it off.',
    }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description:
        'The first attempt that failed since the last one that was accepted. Null when none has failed since.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    deliveries: t.field({
      type: WebhookDeliveryConnection,
      description:
        'Its deliveries, newest first. `first` and `last` are at most 100; the default is 50. They are kept for 30 days.',
      args: pageArgs,
      ...connectionCost,
      resolve: (webhook, page, context) => webhookDeliveries(webhook, page, context),
    }),
  }),
});

WebhookDeliveryRef.implement({
  description: 'One revision, or a test, for one webhook.',
  interfaces: [Node],
  fields: (t) => ({
    messageId: t.exposeString('messageId', {
      description: "The header `webhook-id`, the same at each attempt. For a revision it is its event's id.",
    }),
    event: t.field({
      type: TaskEventRef,
      nullable: true,
      description: 'The revision that it tells of. Null for a test.',
      resolve: (delivery, _args, context) => deliveryEvent(delivery, context),
    }),
    kind: t.exposeString('kind', {
      description: 'The kind of the event, or `webhook.test`: the `type` of the message.',
    }),
    state: t.expose('state', { type: WebhookDeliveryStateEnum, description: 'The current state.' }),
    attempts: t.exposeInt('attempts', {
      description: 'How often it was attempted, since `redeliver` where that was called.',
    }),
    responseStatus: t.exposeInt('responseStatus', {
      nullable: true,
      description: 'The HTTP status that answered the last attempt. Null without an answer.',
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why the last attempt failed, for people. Null once it was accepted.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
    lastAttemptAt: t.expose('lastAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the last attempt ended. Null before the first.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The earliest time of the next attempt. Null unless it is PENDING.',
    }),
    deliveredAt: t.expose('deliveredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the receiver accepted it.',
    }),
  }),
});

export const WebhookSecretRef = builder.objectRef<WebhookSecret>('WebhookSecret');

WebhookSecretRef.implement({
  description: 'A webhook with its new secret.',
  fields: (t) => ({
    webhook: t.expose('webhook', { type: WebhookRef, description: 'The webhook.' }),
    secret: t.exposeString('secret', {
      description: 'What verifies a delivery: `whsec_` and base64. It is in this answer and nowhere else.',
    }),
  }),
});
