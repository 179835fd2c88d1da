/** The channel that says that a task has a new revision. Only ever a hint: what happened stands in the event table. */
export const taskChannel = 'groundcrew_task';

/** SQL that sends the wake-up for the row `changed`, with its transaction. */
export const notifySql = `pg_notify('${taskChannel}',
  concat_ws(' ', changed.id, changed.revision, changed.epoch, changed.workspace_id, changed.project_id))`;

export interface WakeUp {
  readonly taskId: string;
  readonly revision: number;
  /** A worker that holds the task under a lower one has lost it. */
  readonly epoch: number;
  readonly workspaceId: string;
  readonly projectId: string;
}

/** Null for what nobody here has sent. */
export function parseWakeUp(payload: string): WakeUp | null {
  const [taskId, revision, epoch, workspaceId, projectId] = payload.split(' ');
  if (!taskId || !workspaceId || !projectId) return null;
  return { taskId, revision: Number(revision), epoch: Number(epoch), workspaceId, projectId };
}
