import { persist } from '../db/persist.ts';
import { isLeaseValid, takeTask, WorkerGivenUpError } from '../tasks/lease.ts';
import { LeaseLostError } from '../tasks/store.ts';
import type { Hold } from './holds.ts';
import { type ProvisionDependencies, Provisioning } from './provisioning.ts';

/**
 * Does all that is left to do for a task. The row says what that is; the job that called only said that it is worth a
 * look, and changes nothing when it comes late, twice or for nothing.
 */
export async function provisionTask(taskId: string, dependencies: ProvisionDependencies): Promise<void> {
  const { em, handOver } = dependencies;
  handOver.throwIfAborted();
  const hold = await beginHold(taskId, dependencies);
  if (!hold) return;
  try {
    const leased = await persist(() => takeTask(em(), taskId, dependencies.workerId()), handOver, [
      WorkerGivenUpError,
    ]);
    if (!leased) return;
    hold.taken(leased.lease);
    await new Provisioning(dependencies, leased, hold.lost).run();
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    dependencies.logger.info({ taskId }, 'the task went to somebody else, or was closed');
  } finally {
    hold.end();
  }
}

/**
 * Null when this process works on the task already: what is left to do is done there. But a hold that is lost does nothing
 * more, whether it has heard of it or not, and a job that ended for its sake would leave the task to nobody.
 */
async function beginHold(
  taskId: string,
  { em, holds, handOver }: ProvisionDependencies,
): Promise<Hold | null> {
  for (let earlier = holds.get(taskId); earlier; earlier = holds.get(taskId)) {
    const lease = await earlier.settled;
    if (lease && (await persist(() => isLeaseValid(em(), lease), handOver))) return null;
    if (lease) holds.lost(taskId, lease.epoch + 1);
    await earlier.ended;
  }
  return holds.begin(taskId);
}
