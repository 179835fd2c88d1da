import * as webhooks from '../tasks/webhooks.ts';
import type { Context } from './context.ts';

export function rotateWebhookSecret(id: string, { view }: Context): Promise<webhooks.WebhookSecret> {
  return webhooks.rotateWebhookSecret(view, id);
}
