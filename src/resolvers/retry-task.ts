import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function retryTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.retry(viewer.workspace.id, id);
}
