import type { Subscription } from '../realtime/subscription.ts';
import type { Task } from '../tasks/domain/task.ts';
import type { Context } from './context.ts';

export function taskUpdated(
  id: string,
  afterRevision: number | null,
  { services: { hub }, view: { viewer } }: Context,
): Promise<Subscription<Task>> {
  return hub.watchTask(viewer, id, afterRevision);
}
