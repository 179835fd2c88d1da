import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Task, TaskEvent } from '../tasks/domain/task.ts';
import { pageEvents } from '../tasks/store/task-queries.ts';
import type { Context } from './context.ts';

export function taskEvents(task: Task, page: PageArguments, { db }: Context): Promise<Page<TaskEvent>> {
  return pageEvents(db, task, page);
}
