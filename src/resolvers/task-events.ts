import type { Page, PageArguments } from '../tasks/page.ts';
import type { Task, TaskEvent } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function taskEvents(task: Task, page: PageArguments, { tasks }: Context): Promise<Page<TaskEvent>> {
  return tasks.pageEvents(task, page);
}
