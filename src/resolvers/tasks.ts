import type { Page, PageArguments } from '../tasks/page.ts';
import type { TaskFilter } from '../tasks/read.ts';
import type { Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function tasks(filter: TaskFilter, page: PageArguments, context: Context): Promise<Page<Task>> {
  return context.tasks.page(context.viewer.workspace.id, filter, page);
}
