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

/** A row of `task` as the peers send it, in JSON. */
export const taskOfRow = `(state || jsonb_build_object('id', id, 'revision', revision, 'updatedAt', updated_at))`;

/** Of a row of `task`, for DBOS. */
export const workflowOfRow = `('provision:' || id)`;
export const revisionsStream = 'revisions';

/** How a server is told of a revision, in the transaction that writes it. */
const notifications = {
  /** As the store does it: that there is one. */
  'wake-up': `pg_notify('groundcrew_task', concat_ws(' ', id, revision, epoch, workspace_id, project_id)) from changed`,
  /** All of it. */
  task: `pg_notify('bench_task', ${taskOfRow}::text) from changed`,
  /** One more value of a stream of DBOS, written as it writes it. */
  stream: `pg_notify('dbos_streams_channel', workflow_uuid || '::${revisionsStream}') from streamed`,
};
export type Notification = keyof typeof notifications;

function storeRevisionSql(notification: Notification): string {
  const streamed = `, streamed as (
    insert into dbos.streams (workflow_uuid, key, value, "offset", function_id, serialization)
    select ${workflowOfRow}, '${revisionsStream}', ${taskOfRow}::text, coalesce(
      (select max("offset") from dbos.streams where workflow_uuid = ${workflowOfRow} and key = '${revisionsStream}'), -1
    ) + 1, 1, 'portable_json' from changed
    returning workflow_uuid
  )`;
  return `
  ), event as (
    insert into task_event (id, task_id, revision, kind, status, state, at)
    select event_id, id, revision, 'step.started', status, state, updated_at from changed
  )${notification === 'stream' ? streamed : ''}
  select ${notifications[notification]}`;
}

/** One revision more, as the store writes it but for the job. */
export function revise(taskId: string, notification: Notification) {
  return {
    // Named: planned once for each connection.
    name: `revise-${notification}`,
    text: `
  with changed as (
    update task set revision = revision + 1, updated_at = now() where id = $2 returning *, $1 as event_id
  ${storeRevisionSql(notification)}`,
    values: [newId('event'), taskId],
  };
}

/** One revision more of each of these tasks, at once. */
export async function reviseAll(
  database: ClientBase,
  taskIds: readonly string[],
  notification: Notification,
): Promise<void> {
  const sql = `
    with wanted as (
      select * from unnest($1::text[], $2::text[]) as wanted(event_id, task_id)
    ), changed as (
      update task set revision = revision + 1, updated_at = now() from wanted where id = task_id
      returning task.*, event_id
    ${storeRevisionSql(notification)}`;
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
