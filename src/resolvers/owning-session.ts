import { NotFoundError } from '../tasks/domain/errors.ts';
import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { Context } from './context.ts';

/** The session, as it is now, that something belongs to. */
export async function owningSession(
  { sessionId }: { readonly sessionId: string },
  { loaders }: Context,
): Promise<TaskSession> {
  const session = await loaders.nodes.load(sessionId);
  if (!session) throw new NotFoundError('The session does not exist.');
  return session as TaskSession;
}
