import { retryWhileUnavailable } from '../../db/retry.ts';
import { LeaseLostError } from '../../tasks/domain/lease.ts';
import { isLeaseValid, leaseTask, WorkerDeclaredDeadError } from '../../tasks/store/task-leases.ts';
import { inSpan } from '../../tracing/tracing.ts';
import type { ActiveTask } from '../active-tasks.ts';
import { type ProvisionDependencies, Provisioning } from './provisioning.ts';

/**
 * Does all work that is left for a task. The task's row says what that is; the job only says that it is time to look, and
 * changes nothing when it comes late, twice or without a reason.
 */
export async function provisionTask(taskId: string, dependencies: ProvisionDependencies): Promise<void> {
  const { interrupt } = dependencies;
  interrupt.throwIfAborted();
  const active = await waitForActiveTask(taskId, dependencies);
  if (!active) return;
  try {
    const provisioning = await takeLease(active, dependencies);
    if (!provisioning) return;
    const { lease, task } = provisioning.leased;
    active.leased(lease);
    await inSpan(
      {
        name: 'provisionTask',
        kind: 'consumer',
        attributes: { 'groundcrew.task.id': taskId },
        parent: task.state.traceparent,
      },
      () => provisioning.run(),
    );
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    dependencies.logger.info({ taskId }, 'another worker has the task, or the task was closed');
  } finally {
    active.finish();
  }
}

/**
 * Leases the task, where possible in the write that starts its next attempt: of a new task's six changes that saves one. Null when it
 * needs no work, or another worker holds it.
 */
async function takeLease(
  active: ActiveTask,
  dependencies: ProvisionDependencies,
): Promise<Provisioning | null> {
  const { db, writes, interrupt } = dependencies;
  const { taskId, lost } = active;
  const free = await retryWhileUnavailable(() => writes.readFree(taskId), interrupt);
  const provisioning = free && new Provisioning(dependencies, free, lost);
  if (await provisioning?.takeWithStart(dependencies.workerId())) return provisioning;
  const leased = await retryWhileUnavailable(
    () => leaseTask(db, taskId, dependencies.workerId()),
    interrupt,
    [WorkerDeclaredDeadError],
  );
  return leased && new Provisioning(dependencies, leased, lost);
}

/**
 * Null if this process already works on the task under a valid lease. If that lease is lost, noticed or not, waits for that
 * work to end first: finishing the job now would leave the task without a worker.
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
