import type { Task } from '../tasks/domain/task.ts';
import * as actions from '../tasks/task-actions.ts';
import type { Context } from './context.ts';

export function archiveTask(id: string, { view }: Context): Promise<Task> {
  return actions.archiveTask(view, id);
}
