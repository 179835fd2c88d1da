import type { Lease } from '../domain/lease.ts';
import type { NewMachineEvent } from '../domain/machine-event.ts';
import type { Task, Timestamp } from '../domain/task.ts';
import type { Transition } from '../domain/task-machine.ts';
import type { WritePlan } from '../domain/write-plan.ts';
import type { NewIdempotencyKey } from './idempotency-keys.ts';

/** What only workers need to know of a task; undefined leaves it as it is. */
export interface WorkerData {
  readonly endpoint?: unknown;
  readonly sandboxMetadata?: Record<string, unknown> | null;
}

export interface Change {
  readonly event: NewMachineEvent;
  /** Who asked for it, by name; left out when it happened by itself. */
  readonly actor?: string;
  /** Set by the worker that holds the task; left out when the change comes from outside. */
  readonly lease?: Lease;
  /** The worker that takes the lease with this change, which it has read as free. */
  readonly takesLeaseFor?: string;
  readonly workerData?: WorkerData;
  /**
   * Names for the branch, best first: the first one that no other task of the project excludes takes the place of the event's.
   * The last one is taken when all are excluded.
   */
  readonly branchCandidates?: readonly string[];
  /** Where the sandbox will lie that the event requests; null: every worker reaches it. */
  readonly sandboxLocation?: string | null;
  /** The prompt of a session that is added. */
  readonly sessionPrompt?: string | null;
  /** A prompt that is stored with the change. */
  readonly newPrompt?: { readonly id: string; readonly sessionId: string; readonly text: string };
  /** The idempotency key of the call, for what it makes. */
  readonly idempotencyKey?: Omit<NewIdempotencyKey, 'workspaceId'> | undefined;
}

/** One or more revisions of a task that are written together. */
export interface TaskWrite {
  /** The task as it was read: the write is made only while that is its revision. */
  readonly from: Task;
  /** In their order; at least one. */
  readonly revisions: readonly Transition[];
  readonly at: Timestamp;
  /** Its `event` is not looked at where another one follows it in `revisions`. */
  readonly change: Change;
  readonly plan: WritePlan;
}

export interface Written {
  /** The one that was chosen of the candidates; null where there were none. */
  readonly branchName: string | null;
}
