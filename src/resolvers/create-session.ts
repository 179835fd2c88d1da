import { addSession } from '../tasks/add-session.ts';
import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { CreateSessionInput } from '../tasks/input.ts';
import type { Context } from './context.ts';

export function createSession(input: CreateSessionInput, { db, viewer }: Context): Promise<TaskSession> {
  return addSession(db, viewer.workspace.id, input);
}
