import type { Task } from '../tasks/domain/task.ts';
import type { ApiToken } from '../tasks/domain/viewer.ts';
import type { Context } from './context.ts';

/** The task of a task token; null for other tokens. */
export async function tokenTask({ taskId }: ApiToken, { loaders }: Context): Promise<Task | null> {
  return taskId === null ? null : ((await loaders.nodes.load(taskId)) as Task | null);
}
