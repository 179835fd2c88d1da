import type { Task } from '../tasks/domain/task.ts';
import * as actions from '../tasks/task-actions.ts';
import type { Context } from './context.ts';

export function cancelTask(id: string, { db, viewer }: Context): Promise<Task> {
  return actions.cancelTask(db, viewer.workspace.id, id);
}
