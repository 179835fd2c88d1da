import type { CreateTaskInput } from '../tasks/input.ts';
import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function createTask(input: CreateTaskInput, { tasks, viewer }: Context): Promise<Task> {
  return tasks.create(viewer.workspace.id, input);
}
