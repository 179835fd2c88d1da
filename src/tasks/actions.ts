import type { EntityManager } from '@mikro-orm/postgresql';
import { InvalidStateError, NotFoundError } from './errors.ts';
import type { MachineEvent } from './machine.ts';
import { findTask } from './read.ts';
import type { TaskStatus } from './status.ts';
import { changeTask } from './store.ts';
import type { Task } from './task.ts';

/** Queues provisioning again, from the step that failed. Throws InvalidStateError unless the task's status is ERROR. */
export function retryTask(em: EntityManager, workspaceId: string, id: string): Promise<Task> {
  return act(em, workspaceId, id, 'retried', 'taskRetried');
}

/**
 * Stops the task wherever it is; its worker hears of it at once and its sandbox is destroyed in the background. A write to
 * the row, so it never waits behind the step that it stops. A CANCELED task is returned as it is.
 */
export function cancelTask(em: EntityManager, workspaceId: string, id: string): Promise<Task> {
  return act(em, workspaceId, id, 'canceled', 'taskCanceled', 'canceled');
}

/** Releases the sandbox in the background and keeps the task. An ARCHIVED task is returned as it is. */
export function archiveTask(em: EntityManager, workspaceId: string, id: string): Promise<Task> {
  return act(em, workspaceId, id, 'archived', 'taskArchived', 'archived');
}

async function act(
  em: EntityManager,
  workspaceId: string,
  id: string,
  done: string,
  type: Extract<MachineEvent['type'], 'taskRetried' | 'taskCanceled' | 'taskArchived'>,
  already?: TaskStatus,
): Promise<Task> {
  const known = await findTask(em, workspaceId, id);
  if (!known) throw new NotFoundError('there is no such task');
  const changed = await changeTask(em, id, { event: { type, at: new Date().toISOString() } }, known);
  if (!changed) throw new NotFoundError('there is no such task');
  const { task, outcome } = changed;
  if (outcome === 'changed' || task.state.status === already) return task;
  throw new InvalidStateError(
    `a task that is ${task.state.status.toUpperCase()} can't be ${done}`,
    task.state.status,
  );
}
