import type { Database } from '../../tables/database.ts';
import { type Lease, LeaseLostError } from '../domain/lease.ts';
import type { Task } from '../domain/task.ts';
import { transition } from '../domain/task-machine.ts';
import { planWrite } from '../domain/write-plan.ts';
import { selectTasks, toTask } from './task-rows.ts';
import { type Change, writeTask } from './write-task.ts';

export type ChangeResult =
  /** `leaseReleased`: the write also released the lease; the caller must stop. */
  | { readonly outcome: 'changed'; readonly task: Task; readonly leaseReleased: boolean }
  /** The task's state refuses the event; `task` is the one that refused. */
  | { readonly outcome: 'refused'; readonly task: Task }
  /** The idempotency key was used by an earlier call. */
  | { readonly outcome: 'duplicateKey'; readonly task: Task };

/**
 * Applies an event to a task, under the database's time. `current` is the task as the caller read it; where it has changed
 * since, it is read again and the machine asked again. Null: the task does not exist. With a lease: throws LeaseLostError
 * once that is gone.
 */
export async function changeTask(
  db: Database,
  taskId: string,
  change: Change,
  current?: Task,
): Promise<ChangeResult | null> {
  const { lease } = change;
  let task = current ?? (await readTask(db, taskId, lease));
  while (task) {
    // A history never goes back in time, also where a clock was set back or differs by a moment.
    const now = db.clock.now();
    const at = now < task.updatedAt ? task.updatedAt : now;
    const event = { ...change.event, at };
    const to = transition(task.state, event);
    if (!to) return { outcome: 'refused', task };
    const plan = planWrite(to.state, event, lease !== undefined);
    if (await writeTask(db, task, to, at, change, plan)) {
      const changed = { ...task, revision: task.revision + 1, updatedAt: at, state: to.state };
      return { outcome: 'changed', task: changed, leaseReleased: plan.releasesLease };
    }
    const latest = await readTask(db, taskId, lease);
    // The write is conditional on revision and key. If the revision still matches, the key was the reason it failed.
    if (change.idempotencyKey && latest?.revision === task.revision) return { outcome: 'duplicateKey', task };
    task = latest;
  }
  return null;
}

/** The task as it is now; null when it does not exist. With a lease: throws LeaseLostError once that is gone. */
export async function readTask(db: Database, taskId: string, lease?: Lease): Promise<Task | null> {
  const row = await selectTasks(db).select('task.epoch').where('task.id', '=', taskId).executeTakeFirst();
  if (!row) return null;
  if (lease && row.epoch !== lease.epoch) throw new LeaseLostError(`The lease of ${taskId} is gone.`);
  return toTask(row);
}
