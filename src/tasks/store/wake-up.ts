import { type RawBuilder, sql } from 'kysely';

/** The channel that says that a task has a new revision. Only ever a hint: what happened stands in the event table. */
export const taskChannel = 'groundcrew_task';

/** SQL that sends the wake-up with its transaction, for a row of table `task` under that name. */
export function sendWakeUp(task: string): RawBuilder<unknown> {
  const column = (name: string) => sql.ref(`${task}.${name}`);
  return sql`pg_notify(${sql.lit(taskChannel)}, concat_ws(' ', ${column('id')}, ${column('revision')},
    ${column('epoch')}, ${column('workspace_id')}, ${column('project_id')}))`;
}

export interface WakeUp {
  readonly taskId: string;
  readonly revision: number;
  /** A worker that holds the task under a lower epoch has lost it. */
  readonly epoch: number;
  readonly workspaceId: string;
  readonly projectId: string;
}

/** Null for a payload that Groundcrew has not sent: any user of the database may notify. */
export function parseWakeUp(payload: string): WakeUp | null {
  const [taskId, revision, epoch, workspaceId, projectId] = payload.split(' ');
  if (!taskId || !workspaceId || !projectId) return null;
  const wakeUp = { taskId, revision: Number(revision), epoch: Number(epoch), workspaceId, projectId };
  return Number.isInteger(wakeUp.revision) && Number.isInteger(wakeUp.epoch) ? wakeUp : null;
}
