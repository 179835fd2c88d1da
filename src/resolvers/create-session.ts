import type { CreateSessionInput } from '../tasks/input.ts';
import type { TaskSession } from '../tasks/read.ts';
import type { Context } from './context.ts';

export function createSession(input: CreateSessionInput, { tasks, viewer }: Context): Promise<TaskSession> {
  return tasks.createSession(viewer.workspace.id, input);
}
