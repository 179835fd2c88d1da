import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function archiveTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.archive(viewer.workspace.id, id);
}
