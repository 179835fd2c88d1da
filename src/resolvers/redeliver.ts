import type { WebhookDelivery } from '../tasks/domain/webhook.ts';
import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function redeliver(id: string, { view }: Context): Promise<WebhookDelivery> {
  return webhooks.redeliver(view, id);
}
