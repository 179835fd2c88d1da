import * as tasks from '../tasks/create-task.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { CreateTaskInput } from '../tasks/input.ts';
import type { Context } from './context.ts';

export function createTask(
  input: CreateTaskInput,
  { view, services: { taskDefaults } }: Context,
): Promise<Task> {
  return tasks.createTask(view, taskDefaults, input);
}
