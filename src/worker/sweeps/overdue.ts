import type { Logger } from '../../log.ts';
import type { Database } from '../../tables/database.ts';
import { requeueStuckReleases } from '../../tasks/store/sandbox-ledger.ts';
import { requeueOverdueTasks } from '../../tasks/store/task-leases.ts';
import { requeueOverdueWebhooks } from '../../tasks/store/webhook-deliveries.ts';

/** Re-queues tasks, releases and webhooks that are due but have no job. */
export async function sweepOverdue(db: Database, logger: Logger): Promise<void> {
  const tasks = await requeueOverdueTasks(db);
  if (tasks.length > 0) logger.warn({ tasks }, 'tasks were due without a job');
  const sandboxes = await requeueStuckReleases(db);
  if (sandboxes.length > 0) logger.warn({ sandboxes }, 'releases of sandboxes were due without a job');
  const webhooks = await requeueOverdueWebhooks(db);
  if (webhooks.length > 0) logger.warn({ webhooks }, 'deliveries were due without a job');
}
