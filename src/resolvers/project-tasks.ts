import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Project, Task } from '../tasks/domain/task.ts';
import type { TaskFilter } from '../tasks/store/view/task-queries.ts';
import type { Context } from './context.ts';

export function projectTasks(
  { id }: Project,
  filter: TaskFilter,
  page: PageArguments,
  { loaders }: Context,
): Promise<Page<Task>> {
  return loaders.projectTasks.load({ parent: id, args: { filter, page } });
}
