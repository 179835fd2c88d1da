import { InvalidStateError, NotFoundError } from './domain/errors.ts';
import type { MachineEvent } from './domain/machine-event.ts';
import type { TaskStatus } from './domain/status.ts';
import type { Task } from './domain/task.ts';
import { changeTask } from './store/change-task.ts';
import { closeConversations } from './store/close-conversations.ts';
import { findTask } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/** Queues provisioning again, from the step that failed. Throws InvalidStateError unless the task's status is ERROR. */
export function retryTask(view: View, id: string): Promise<Task> {
  return act(view, id, 'retried', 'taskRetried');
}

/**
 * Stops the task in any step; its worker is told at once, and its sandbox is destroyed in the background. A write to the
 * row, so it never waits behind the step that it stops. A CANCELED task is returned as it is. Throws InvalidStateError for
 * an ARCHIVED task.
 */
export function cancelTask(view: View, id: string): Promise<Task> {
  return act(view, id, 'canceled', 'taskCanceled', 'canceled');
}

/**
 * Destroys the sandbox in the background and keeps the task. An ARCHIVED task is returned as it is. Throws InvalidStateError
 * unless the task is RUNNING or ERROR.
 */
export function archiveTask(view: View, id: string): Promise<Task> {
  return act(view, id, 'archived', 'taskArchived', 'archived');
}

async function act(
  view: View,
  id: string,
  done: string,
  type: Extract<MachineEvent['type'], 'taskRetried' | 'taskCanceled' | 'taskArchived'>,
  already?: TaskStatus,
): Promise<Task> {
  const known = await findTask(view, id);
  if (!known) throw new NotFoundError('The task does not exist.');
  const change = { event: { type }, actor: view.actor };
  const changed = await View.databaseOf(view).transaction(async (tx) => {
    const result = await changeTask(tx, id, change, known);
    if (result?.outcome === 'changed' && type !== 'taskRetried') await closeConversations(tx, id);
    return result;
  });
  if (!changed) throw new NotFoundError('The task does not exist.');
  const { task, outcome } = changed;
  if (outcome === 'changed' || task.state.status === already) return task;
  throw new InvalidStateError(
    `A task that is ${task.state.status.toUpperCase()} cannot be ${done}.`,
    task.state.status,
  );
}
