import type { Context } from '../schema/context.ts';
import type { Task } from '../tasks/task.ts';

export function retryTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.retry(viewer.workspace.id, id);
}
