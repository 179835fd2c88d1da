import { sql } from 'kysely';
import { isId, uuidOfId } from '../../domain/id.ts';
import { type Page, type PageArguments, pageOf, rangeOf } from '../../domain/pagination.ts';
import type { Webhook, WebhookDelivery } from '../../domain/webhook.ts';
import { deliveryColumns, toDelivery, toWebhook } from '../webhook-rows.ts';
import type { View } from './view.ts';

/** A page of the workspace's webhooks, newest first. */
export async function pageWebhooks(view: View, page: PageArguments): Promise<Page<Webhook>> {
  const range = rangeOf(page);
  const rows = await view
    .webhooks()
    .$if(range.after !== null, (query) => query.where('webhook.id', '<', range.after))
    .$if(range.before !== null, (query) => query.where('webhook.id', '>', range.before))
    .orderBy('webhook.id', range.fromEnd ? 'asc' : 'desc')
    .limit(range.limit + 1)
    .execute();
  return pageOf(rows.map(toWebhook), range, (webhook) => webhook.id);
}

/** The webhooks of these ids that the viewer sees, in no order. */
export async function findWebhooks(view: View, ids: readonly string[]): Promise<Webhook[]> {
  const rows = await view.webhooks().where('webhook.id', '=', sql<string>`any(${ids})`).execute();
  return rows.map(toWebhook);
}

/** The deliveries of these ids that the viewer sees, in no order. */
export async function findDeliveries(view: View, ids: readonly string[]): Promise<WebhookDelivery[]> {
  const uuids = ids.filter((id) => isId('delivery', id)).map(uuidOfId);
  const rows = await view
    .deliveries()
    .where('webhook_delivery.id', '=', sql<string>`any(${uuids}::uuid[])`)
    .execute();
  return rows.map(toDelivery);
}

/** For each of these webhooks a page of its deliveries, newest first: one statement for all. */
export async function pageDeliveriesOfWebhooks(
  view: View,
  webhookIds: readonly string[],
  page: PageArguments,
): Promise<Page<WebhookDelivery>[]> {
  const range = rangeOf(page);
  const order = range.fromEnd ? 'asc' : 'desc';
  const rows = await view
    .webhooksAt(webhookIds)
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('webhook_delivery')
          .select(deliveryColumns)
          .whereRef('webhook_delivery.webhook_id', '=', 'parent.id')
          .$if(range.after !== null, (query) => query.where('webhook_delivery.id', '<', toUuid(range.after)))
          .$if(range.before !== null, (query) =>
            query.where('webhook_delivery.id', '>', toUuid(range.before)),
          )
          .orderBy('webhook_delivery.id', order)
          .limit(range.limit + 1)
          .as('delivery'),
      (join) => join.onTrue(),
    )
    .selectAll('delivery')
    .orderBy('parent.place')
    .orderBy('delivery.id', order)
    .execute();
  return webhookIds.map((_, index) =>
    pageOf(rows.filter(({ place }) => place === index + 1).map(toDelivery), range, (delivery) => delivery.id),
  );
}

/** The UUID that a cursor holds; one that no delivery has, for another list's cursor. */
function toUuid(key: string | null): string {
  return key !== null && isId('delivery', key) ? uuidOfId(key) : noUuid;
}

const noUuid = '00000000-0000-0000-0000-000000000000';
