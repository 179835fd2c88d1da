import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Project } from '../tasks/domain/task.ts';
import { pageProjects } from '../tasks/store/view/task-queries.ts';
import type { Context } from './context.ts';

export function projects(page: PageArguments, { view }: Context): Promise<Page<Project>> {
  return pageProjects(view, page);
}
