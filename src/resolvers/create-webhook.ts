import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function createWebhook(
  input: webhooks.CreateWebhookInput,
  { view, services: { webhookPolicy } }: Context,
): Promise<webhooks.WebhookSecret> {
  return webhooks.createWebhook(view, webhookPolicy, input);
}
