import type { WebhookDelivery } from '../tasks/domain/webhook.ts';
import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function testWebhook(id: string, { view }: Context): Promise<WebhookDelivery> {
  return webhooks.testWebhook(view, id);
}
