import * as tasks from '../tasks/create-task.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { CreateTaskInput } from '../tasks/input.ts';
import type { Context } from './context.ts';

export function createTask(input: CreateTaskInput, { db, viewer, taskDefaults }: Context): Promise<Task> {
  return tasks.createTask(db, viewer.workspace.id, taskDefaults, input);
}
