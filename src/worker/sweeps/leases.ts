import type { Database } from '../../tables/database.ts';
import { freeOrphanedLease, leasesOf } from '../../tasks/store/task-leases.ts';
import type { ActiveTasks } from '../active-tasks.ts';

/**
 * Reconciles the leases that this process believes it has with the database, in case a notification or a reply was lost.
 */
export async function sweepLeases(db: Database, workerId: string, activeTasks: ActiveTasks): Promise<void> {
  const believed = activeTasks.leases();
  const stored = await leasesOf(db, workerId);
  const epochs = new Map(stored.map(({ taskId, epoch }) => [taskId, epoch]));
  for (const { taskId, epoch } of believed) {
    // Not a later lease of the same task, which this process may have taken meanwhile.
    if (epochs.get(taskId) !== epoch) activeTasks.lost(taskId, epoch + 1);
  }
  for (const lease of stored) {
    if (!activeTasks.get(lease.taskId)) await freeOrphanedLease(db, workerId, lease);
  }
}
