import type { ClientBase, Pool } from 'pg';
import { newId } from '../src/tasks/domain/id.ts';

/** What all servers of a run are asked for, so that all send the same. */
const watchQuery = `subscription ($id: ID!) {
  taskUpdated(id: $id) {
    id revision status title branchName updatedAt
    steps { name state attempt startedAt finishedAt } sandbox { id cwd } sessions { id status agent }
  }
}`;

export function subscribeMessage(id: number, taskId: string): string {
  return JSON.stringify({
    id: String(id),
    type: 'subscribe',
    payload: { query: watchQuery, variables: { id: taskId } },
  });
}

const storeRevisionSql = `
  ), event as (
    insert into task_event (id, task_id, revision, kind, status, state, at)
    select event_id, id, revision, 'step.started', status, state, updated_at from changed
  )
  select pg_notify('groundcrew_task', concat_ws(' ', id, revision, epoch, workspace_id, project_id)) from changed`;

/** One revision more, as the store writes it but for the job. Takes an event's id and the task's. */
export const reviseSql = `
  with changed as (
    update task set revision = revision + 1, updated_at = now() where id = $2 returning *, $1 as event_id
  ${storeRevisionSql}`;

export function reviseParams(taskId: string): [eventId: string, taskId: string] {
  return [newId('event'), taskId];
}

/** One revision more of each of these tasks, at once. */
export async function reviseAll(database: ClientBase, taskIds: readonly string[]): Promise<void> {
  const sql = `
    with wanted as (
      select * from unnest($1::text[], $2::text[]) as wanted(event_id, task_id)
    ), changed as (
      update task set revision = revision + 1, updated_at = now() from wanted where id = task_id
      returning task.*, event_id
    ${storeRevisionSql}`;
  await database.query(sql, [taskIds.map(() => newId('event')), taskIds]);
}

/** At which revision each of these tasks is. */
export async function readRevisions(
  database: ClientBase | Pool,
  taskIds: readonly string[],
): Promise<number[]> {
  const { rows } = await database.query<{ id: string; revision: number }>(
    'select id, revision from task where id = any($1)',
    [taskIds],
  );
  const revisions = new Map(rows.map(({ id, revision }) => [id, revision]));
  return taskIds.map((id) => revisions.get(id) ?? Number.NaN);
}
