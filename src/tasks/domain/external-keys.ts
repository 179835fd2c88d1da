/**
 * The key under which a provider makes the sandbox of a task. The same at every attempt, so that a later attempt adopts
 * what an earlier one made. Safe in the names of files and containers.
 */
export function sandboxKey(taskId: string): string {
  return taskId.replaceAll('_', '-');
}

/** The key under which a provider opens a session: likewise. */
export function sessionKey(sessionId: string): string {
  return sessionId.replaceAll('_', '-');
}
