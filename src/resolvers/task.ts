import type { Context } from '../schema/context.ts';
import type { Task } from '../tasks/task.ts';

export function task(id: string, { tasks, viewer }: Context): Promise<Task | null> {
  return tasks.find(viewer.workspace.id, id);
}
