import type { Context } from '../schema/context.ts';
import type { Task } from '../tasks/task.ts';

export function cancelTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.cancel(viewer.workspace.id, id);
}
