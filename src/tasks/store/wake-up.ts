import { type RawBuilder, sql } from 'kysely';

/** The channel that says that a task has a new revision. Only ever a hint: what happened stands in the event table. */
export const taskChannel = 'groundcrew_task';

/** A notification carries fewer than 8,000 bytes; one wake-up takes about 110, and less than 150. */
const mostInNotification = 50;

/**
 * SQL that sends the wake-ups of rows of table `task`, `most` at most, under the name of theirs, with their transaction. Its value is the
 * number of notifications. Each takes a lock that all commits with notifications wait for, so that rows share one.
 */
export function sendWakeUps(tasks: string, most: number): RawBuilder<unknown> {
  const rows = sql.table(tasks);
  const lines = sql`string_agg(concat_ws(' ', id, revision, epoch, workspace_id, project_id), E'\\n') as lines`;
  const parts =
    most <= mostInNotification
      ? sql`select ${lines} from ${rows} having count(*) > 0`
      : sql`
        select ${lines}
        from (select *, (row_number() over () - 1) / ${sql.lit(mostInNotification)} as part from ${rows}) numbered
        group by part`;
  return sql`(select count(pg_notify(${sql.lit(taskChannel)}, lines)) from (${parts}) parts)`;
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
