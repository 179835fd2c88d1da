import type { Database } from '../../tables/database.ts';
import { type Lease, LeaseLostError } from '../domain/lease.ts';
import type { MachineEvent, NewMachineEvent } from '../domain/machine-event.ts';
import type { Task, TaskState, Timestamp } from '../domain/task.ts';
import { type Transition, transition } from '../domain/task-machine.ts';
import { planWrite, type WritePlan } from '../domain/write-plan.ts';
import { selectTasks, toTask } from './task-rows.ts';
import type { Change, TaskWrite, Written } from './task-write.ts';
import { writeTask } from './write-task.ts';

export type ChangeResult =
  /** `leaseReleased`: the write also released the lease; the caller must stop. */
  | { readonly outcome: 'changed'; readonly task: Task; readonly leaseReleased: boolean }
  /** The task's state refuses the event; `task` is the one that refused. */
  | { readonly outcome: 'refused'; readonly task: Task }
  /** The idempotency key was used by an earlier call. */
  | { readonly outcome: 'duplicateKey'; readonly task: Task };

export interface ChangeOptions {
  /** What happens straight after the event, given the state that it led to: a revision of its own, in the same write. */
  readonly next?: ((state: TaskState, at: Timestamp) => NewMachineEvent | null) | undefined;
  /** Default: a statement of its own. */
  readonly write?: ((write: TaskWrite) => Promise<Written | null>) | undefined;
}

/**
 * Applies an event to a task, and those that follow it, under the database's time. `current` is the task as the caller read it;
 * where it has changed since, it is read again and the machine asked again. Null: the task does not exist. With a lease:
 * throws LeaseLostError once that is gone, or when it could not be taken.
 */
export async function changeTask(
  db: Database,
  taskId: string,
  change: Change,
  current?: Task,
  { next = () => null, write = (each) => writeTask(db, each) }: ChangeOptions = {},
): Promise<ChangeResult | null> {
  const { lease, takesLeaseFor } = change;
  let task = current ?? (await readTask(db, taskId, lease, takesLeaseFor));
  while (task) {
    // A history never goes back in time, also where a clock was set back or differs by a moment.
    const now = db.clock.now();
    const at = now < task.updatedAt ? task.updatedAt : now;
    const planned = planRevisions(task.state, { ...change.event, at }, next, lease !== undefined);
    if (!planned) return { outcome: 'refused', task };
    const { revisions, plan } = planned;
    const written = await write({ from: task, revisions, at, change, plan });
    if (written) {
      const { state } = revisions.at(-1) as Transition;
      const changed = { ...task, revision: task.revision + revisions.length, updatedAt: at };
      const branchName = written.branchName ?? state.branchName;
      return {
        outcome: 'changed',
        task: { ...changed, state: { ...state, branchName } },
        leaseReleased: plan.releasesLease,
      };
    }
    const latest = await readTask(db, taskId, lease, takesLeaseFor);
    // The write is conditional on revision and key. If the revision still matches, the key was the reason it failed.
    if (change.idempotencyKey && latest?.revision === task.revision) return { outcome: 'duplicateKey', task };
    task = latest;
  }
  return null;
}

/** What the event leads to, with all that follows it. Null when the state refuses the event. */
function planRevisions(
  from: TaskState,
  event: MachineEvent,
  next: NonNullable<ChangeOptions['next']>,
  byWorker: boolean,
): { revisions: Transition[]; plan: WritePlan } | null {
  const revisions: Transition[] = [];
  let plan: WritePlan | undefined;
  let state = from;
  for (let following: MachineEvent | null = event; following; ) {
    const to: Transition | null = transition(state, following);
    if (!to) break;
    const added: WritePlan = planWrite(to.state, following, byWorker);
    plan = plan
      ? { ...added, sandbox: plan.sandbox ?? added.sandbox, prompts: plan.prompts ?? added.prompts }
      : added;
    revisions.push(to);
    state = to.state;
    const then = next(state, event.at);
    following = then && { ...then, at: event.at };
  }
  return plan ? { revisions, plan } : null;
}

/**
 * The task as it is now; null when it does not exist. With a lease: throws LeaseLostError once that is gone, or, with `holder`, if
 * another worker has taken it.
 */
export async function readTask(
  db: Database,
  taskId: string,
  lease?: Lease,
  holder?: string,
): Promise<Task | null> {
  const row = await selectTasks(db)
    .select(['task.epoch', 'task.leased_by'])
    .where('task.id', '=', taskId)
    .executeTakeFirst();
  if (!row) return null;
  const isHeld = row.epoch === lease?.epoch && (holder === undefined || row.leased_by === holder);
  if (lease && !isHeld) throw new LeaseLostError(`The lease of ${taskId} is gone.`);
  return toTask(row);
}
