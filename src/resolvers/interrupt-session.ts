import type { TaskSession } from '../tasks/domain/task-session.ts';
import { interruptSession as interrupt } from '../tasks/interrupt-session.ts';
import type { Context } from './context.ts';

export function interruptSession(
  id: string,
  promptId: string | null,
  { view }: Context,
): Promise<TaskSession> {
  return interrupt(view, id, promptId);
}
