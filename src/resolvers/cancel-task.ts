import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function cancelTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.cancel(viewer.workspace.id, id);
}
