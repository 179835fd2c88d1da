import type { Page, PageArguments } from '../tasks/page.ts';
import type { Project } from '../tasks/task.ts';
import type { Context } from './context.ts';

export function projects(page: PageArguments, { tasks, viewer }: Context): Promise<Page<Project>> {
  return tasks.pageProjects(viewer.workspace.id, page);
}
