import type { Task } from '../tasks/domain/task.ts';
import { findTask } from '../tasks/store/task-queries.ts';
import type { Context } from './context.ts';

export function task(id: string, { db, viewer }: Context): Promise<Task | null> {
  return findTask(db, viewer.workspace.id, id);
}
