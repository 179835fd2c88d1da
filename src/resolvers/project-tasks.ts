import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Project, Task } from '../tasks/domain/task.ts';
import { pageTasks, type TaskFilter } from '../tasks/store/task-queries.ts';
import type { Context } from './context.ts';

export function projectTasks(
  project: Project,
  filter: TaskFilter,
  page: PageArguments,
  { db, viewer }: Context,
): Promise<Page<Task>> {
  const other = filter.projectId != null && filter.projectId !== project.id;
  return pageTasks(db, viewer.workspace.id, { ...filter, projectId: other ? '' : project.id }, page);
}
