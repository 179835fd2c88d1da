import type { Page, PageArguments } from '../tasks/page.ts';
import type { TaskFilter } from '../tasks/read.ts';
import type { Project, Task } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function projectTasks(
  project: Project,
  filter: TaskFilter,
  page: PageArguments,
  { tasks, viewer }: Context,
): Promise<Page<Task>> {
  return tasks.pageOfProject(viewer.workspace.id, project.id, filter, page);
}
