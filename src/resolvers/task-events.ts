import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Task, TaskEvent } from '../tasks/domain/task.ts';
import type { Context } from './context.ts';

export function taskEvents(
  parent: Task,
  args: PageArguments,
  { loaders }: Context,
): Promise<Page<TaskEvent>> {
  return loaders.taskEvents.load({ parent, args });
}
