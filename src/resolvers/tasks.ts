import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Task } from '../tasks/domain/task.ts';
import { pageTasks, type TaskFilter } from '../tasks/store/view/task-queries.ts';
import type { Context } from './context.ts';

export function tasks(filter: TaskFilter, page: PageArguments, { view }: Context): Promise<Page<Task>> {
  return pageTasks(view, filter, page);
}
