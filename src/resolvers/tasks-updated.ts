import type { Subscription } from '../realtime/subscription.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { Context } from './context.ts';

export function tasksUpdated(
  projectId: string | null,
  { services: { hub }, view: { viewer } }: Context,
): Promise<Subscription<Task>> {
  return hub.watchTasks(viewer, projectId);
}
