import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Webhook, WebhookDelivery } from '../tasks/domain/webhook.ts';
import type { Context } from './context.ts';

export function webhookDeliveries(
  { id }: Webhook,
  args: PageArguments,
  { loaders }: Context,
): Promise<Page<WebhookDelivery>> {
  return loaders.webhookDeliveries.load({ parent: id, args });
}
