import type { Task } from '../tasks/domain/task.ts';
import type { CreateTaskInput } from '../tasks/input.ts';
import type { Context } from './context.ts';

export function createTask(
  input: CreateTaskInput,
  { view, services }: Context,
  signal: AbortSignal | undefined,
): Promise<Task> {
  return services.taskCreator.create(view, input, signal);
}
