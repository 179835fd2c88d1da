import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function task(id: string, { tasks, viewer }: Context): Promise<Task | null> {
  return tasks.find(viewer.workspace.id, id);
}
