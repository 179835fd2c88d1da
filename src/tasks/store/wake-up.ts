import { type RawBuilder, sql } from 'kysely';

/** The channel that says that a task has a new revision. Only ever a hint: what happened stands in the event table. */
export const taskChannel = 'groundcrew_task';

/** A notification carries fewer than 8,000 bytes; one wake-up takes about 110, and less than 150. */
const mostInNotification = 50;

/**
 * SQL that sends the wake-ups of rows of table `task`, under the name of theirs, with their transaction. Its value is the number of
 * notifications. Each takes a lock that all commits with notifications wait for, so that rows share one.
 */
export function sendWakeUps(tasks: string): RawBuilder<unknown> {
  return sql`(
    select count(pg_notify(${sql.lit(taskChannel)}, lines)) from (
      select string_agg(concat_ws(' ', id, revision, epoch, workspace_id, project_id), E'\\n') as lines
      from (select *, (row_number() over () - 1) / ${sql.lit(mostInNotification)} as part from ${sql.table(tasks)}) numbered
      group by part
    ) parts
  )`;
}

export interface WakeUp {
  readonly taskId: string;
  readonly revision: number;
  /** A worker that holds the task under a lower epoch has lost it. */
  readonly epoch: number;
  readonly workspaceId: string;
  readonly projectId: string;
}

/** Leaves out what Groundcrew has not sent: any user of the database may notify. */
export function parseWakeUps(payload: string): WakeUp[] {
  return payload.split('\n').flatMap((line) => parseWakeUp(line) ?? []);
}

function parseWakeUp(line: string): WakeUp | null {
  const [taskId, revision, epoch, workspaceId, projectId] = line.split(' ');
  if (!taskId || !workspaceId || !projectId) return null;
  const wakeUp = { taskId, revision: Number(revision), epoch: Number(epoch), workspaceId, projectId };
  return Number.isInteger(wakeUp.revision) && Number.isInteger(wakeUp.epoch) ? wakeUp : null;
}
