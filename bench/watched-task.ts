import { newId } from '../src/tasks/id.ts';

/** What all servers of a run are asked for, so that all send the same. */
export const watchQuery = `subscription ($id: ID!) {
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

/** One revision more, as the store writes it but for the job. Takes an event's id and the task's. */
export const reviseSql = `
  with changed as (
    update task set revision = revision + 1, updated_at = now() where id = $2 returning *
  ), event as (
    insert into task_event (id, task_id, revision, kind, status, state, at)
    select $1, id, revision, 'step.started', status, state, updated_at from changed
  )
  select pg_notify('groundcrew_task', concat_ws(' ', id, revision, epoch, workspace_id, project_id)) from changed`;

export function reviseParams(taskId: string): [eventId: string, taskId: string] {
  return [newId('event'), taskId];
}
