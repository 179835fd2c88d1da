import type { TaskEvent } from '../tasks/domain/task.ts';
import type { WebhookDelivery } from '../tasks/domain/webhook.ts';
import type { Context } from './context.ts';

/** The revision that a delivery tells of; null for a test. */
export async function deliveryEvent(
  { messageId, isTest }: WebhookDelivery,
  { loaders }: Context,
): Promise<TaskEvent | null> {
  return isTest ? null : ((await loaders.nodes.load(messageId)) as TaskEvent | null);
}
