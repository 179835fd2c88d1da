import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Webhook } from '../tasks/domain/webhook.ts';
import { pageWebhooks } from '../tasks/store/view/webhook-queries.ts';
import type { Context } from './context.ts';

export function webhooks(page: PageArguments, { view }: Context): Promise<Page<Webhook>> {
  return pageWebhooks(view, page);
}
