import type { Webhook } from '../tasks/domain/webhook.ts';
import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function updateWebhook(
  input: webhooks.UpdateWebhookInput,
  { view, services: { webhookPolicy } }: Context,
): Promise<Webhook> {
  return webhooks.updateWebhook(view, webhookPolicy, input);
}
