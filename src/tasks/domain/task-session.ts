import type { Session, Task } from './task.ts';

/** A session with the task that it belongs to. */
export type TaskSession = Session & { readonly task: Task };

export function sessionsOf(task: Task): TaskSession[] {
  return task.state.sessions.map((session) => ({ ...session, task }));
}

export function sessionOf(task: Task, id: string): TaskSession | null {
  const session = task.state.sessions.find((each) => each.id === id);
  return session ? { ...session, task } : null;
}
