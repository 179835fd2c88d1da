import { NotFoundError } from './domain/errors.ts';
import type { TaskSession } from './domain/task-session.ts';
import { requestInterruption } from './store/prompt-changes.ts';
import { findSession } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/**
 * Has what the agent is doing stopped, and returns at once. With a prompt: only while the agent works on that one. Nothing
 * happens to a session that does not work. Throws NotFoundError.
 */
export async function interruptSession(
  view: View,
  id: string,
  promptId: string | null,
): Promise<TaskSession> {
  const session = await findSession(view, id);
  if (!session) throw new NotFoundError('The session does not exist.');
  if (session.isWorking !== true) return session;
  const of = { taskId: session.task.id, sessionId: id, promptId };
  if (!(await requestInterruption(View.databaseOf(view), of, view.actor))) return session;
  return (await findSession(view, id)) ?? session;
}
