import type { Task } from '../tasks/domain/task.ts';
import { findTask } from '../tasks/store/view/task-queries.ts';
import type { Context } from './context.ts';

export function task(id: string, { view }: Context): Promise<Task | null> {
  return findTask(view, id);
}
