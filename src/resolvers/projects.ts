import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Project } from '../tasks/domain/task.ts';
import { pageProjects } from '../tasks/store/task-queries.ts';
import type { Context } from './context.ts';

export function projects(page: PageArguments, { db, viewer }: Context): Promise<Page<Project>> {
  return pageProjects(db, viewer.workspace.id, page);
}
