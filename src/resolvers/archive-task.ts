import type { Context } from '../schema/context.ts';
import type { Task } from '../tasks/task.ts';

export function archiveTask(id: string, { tasks, viewer }: Context): Promise<Task> {
  return tasks.archive(viewer.workspace.id, id);
}
