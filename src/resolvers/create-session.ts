import { addSession } from '../tasks/add-session.ts';
import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { CreateSessionInput } from '../tasks/input.ts';
import type { Context } from './context.ts';

export function createSession(input: CreateSessionInput, { view }: Context): Promise<TaskSession> {
  return addSession(view, input);
}
