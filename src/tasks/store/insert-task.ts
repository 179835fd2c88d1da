import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { newId } from '../domain/id.ts';
import { taskStatuses } from '../domain/status.ts';
import type { Project, Task } from '../domain/task.ts';
import { insertKey, type NewIdempotencyKey } from './idempotency-keys.ts';
import { addProvisionJobForAnyWorker } from './jobs.ts';
import { toTimestamp } from './task-rows.ts';
import { sendWakeUp } from './wake-up.ts';

/** A task at revision 1, before it is known whether its project exists. */
export type NewTask = Omit<Task, 'project'>;
export type NewProject = Pick<Project, 'repoUrl' | 'name'>;

/**
 * Stores a task with its project, its first session, its first event and its job in one statement. Null when the
 * idempotency key is used, when the project was created at the same moment, or when the workspace has `maxLiving` tasks that
 * live; nothing was stored then.
 *
 * Looks for the project before it inserts it: with an upsert, all creates of one project would wait for each other.
 */
export async function insertTask(
  db: Database,
  task: NewTask,
  project: NewProject,
  idempotencyKey: NewIdempotencyKey | null,
  actor: string,
  maxLiving: number | undefined,
): Promise<Task | null> {
  const { workspaceId, createdAt, state } = task;
  const onlyWithRoom = maxLiving === undefined ? sql`` : sql`and (select found from room)`;
  const { rows } = await sql<{ id: string; name: string; created_at: string }>`
    with ${maxLiving === undefined ? sql`` : sql`room as materialized (select ${hasRoom(workspaceId, maxLiving)} as found),`}
    existing_project as (
      select id, name, created_at from project where workspace_id = ${workspaceId} and repo_url = ${project.repoUrl}
        ${onlyWithRoom}
    ), inserted_project as (
      insert into project (id, workspace_id, repo_url, name, created_at)
      select ${newId('project', createdAt)}, ${workspaceId}, ${project.repoUrl}, ${project.name}, ${createdAt}::timestamptz
      where not exists (select from existing_project) ${onlyWithRoom}
      on conflict do nothing returning id, name, created_at
    ), project_of_task as (
      select * from existing_project union all select * from inserted_project
    ), ${idempotencyKey ? sql`inserted_key as (${insertKey(idempotencyKey, 'project_of_task')}),` : sql``}
    inserted as (
      insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status,
        state, created_at, updated_at, wake_at)
      select ${task.id}, ${workspaceId}, project_of_task.id, ${task.repoUrl}, ${task.prompt}, ${task.provider},
        ${task.agent}, ${task.baseRef}, ${task.revision}::int, ${state.status}, ${JSON.stringify(state)}::jsonb,
        ${createdAt}::timestamptz, ${createdAt}::timestamptz, now()
      from project_of_task ${idempotencyKey ? sql`, inserted_key` : sql``}
      returning id, revision, epoch, workspace_id, project_id, prompt, status, state, created_at
    ), first_session as (
      insert into session (id, task_id, prompt) select ${state.sessions[0].id}, id, prompt from inserted
    ), first_prompt as (
      insert into prompt (id, session_id, number, text, state, created_at)
      select ${newId('prompt', createdAt)}, ${state.sessions[0].id}, revision, prompt, 'queued', created_at from inserted
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, state, at, actor)
      select ${newId('event')}, id, revision, 'task.created', status, state, created_at, ${actor} from inserted
    )
    select ${sendWakeUp('inserted')}, ${addProvisionJobForAnyWorker(sql.ref('inserted.id'), 0)},
      project_of_task.id, project_of_task.name, project_of_task.created_at
    from inserted, project_of_task
  `.execute(db.kysely);
  const [row] = rows;
  if (!row) return null;
  return {
    ...task,
    project: {
      id: row.id,
      workspaceId,
      repoUrl: project.repoUrl,
      name: row.name,
      createdAt: toTimestamp(row.created_at),
    },
  };
}

/** Whether the workspace may have one more living task. */
export async function workspaceHasRoom(
  db: Database,
  workspaceId: string,
  maxLiving: number,
): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`select ${hasRoom(workspaceId, maxLiving)} as found`.execute(
    db.kysely,
  );
  return rows[0]?.found ?? false;
}

function hasRoom(workspaceId: string, maxLiving: number): RawBuilder<boolean> {
  return sql<boolean>`workspace_has_room(${workspaceId}, ${livingStatuses}::text[], ${maxLiving}::int)`;
}

const livingStatuses = taskStatuses.filter((status) => status !== 'canceled' && status !== 'archived');
