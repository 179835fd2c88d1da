/**
 * The key of a task's sandbox, the same at every try: what was made under it before is adopted, not made again. Safe in
 * the names of files and containers.
 */
export function sandboxKey(taskId: string): string {
  return taskId.replaceAll('_', '-');
}

/** The key of a session with an agent, likewise. */
export function sessionKey(sessionId: string): string {
  return sessionId.replaceAll('_', '-');
}
