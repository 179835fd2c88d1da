import { retryWhileUnavailable } from '../../db/retry.ts';
import { LeaseLostError } from '../../tasks/store/change-task.ts';
import { isLeaseValid, leaseTask, WorkerDeclaredDeadError } from '../../tasks/store/task-leases.ts';
import type { ActiveTask } from '../active-tasks.ts';
import { type ProvisionDependencies, Provisioning } from './provisioning.ts';

/**
 * Does all that is left to do for a task. The row says what that is; the job that called only said that it is worth a
 * look, and changes nothing when it comes late, twice or for nothing.
 */
export async function provisionTask(taskId: string, dependencies: ProvisionDependencies): Promise<void> {
  const { db, interrupt } = dependencies;
  interrupt.throwIfAborted();
  const active = await waitForActiveTask(taskId, dependencies);
  if (!active) return;
  try {
    const leased = await retryWhileUnavailable(
      () => leaseTask(db, taskId, dependencies.workerId()),
      interrupt,
      [WorkerDeclaredDeadError],
    );
    if (!leased) return;
    active.leased(leased.lease);
    await new Provisioning(dependencies, leased, active.lost).run();
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    dependencies.logger.info({ taskId }, 'the task went to somebody else, or was closed');
  } finally {
    active.finish();
  }
}

/**
 * Null when this process works on the task already: what is left to do is done there. But a hold that is lost does nothing
 * more, whether it has heard of it or not, and a job that ended for its sake would leave the task to nobody.
 */
async function waitForActiveTask(
  taskId: string,
  { db, activeTasks, interrupt }: ProvisionDependencies,
): Promise<ActiveTask | null> {
  for (let earlier = activeTasks.get(taskId); earlier; earlier = activeTasks.get(taskId)) {
    const lease = await earlier.leaseDecided;
    if (lease && (await retryWhileUnavailable(() => isLeaseValid(db, lease), interrupt))) return null;
    if (lease) activeTasks.lost(taskId, lease.epoch + 1);
    await earlier.ended;
  }
  return activeTasks.start(taskId);
}
