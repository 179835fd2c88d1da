import type { Webhook } from '../tasks/domain/webhook.ts';
import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function deleteWebhook(id: string, { view }: Context): Promise<Webhook> {
  return webhooks.deleteWebhook(view, id);
}
