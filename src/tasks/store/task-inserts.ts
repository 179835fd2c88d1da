import { type RawBuilder, sql } from 'kysely';
import { BatchQueue } from '../../db/batch-queue.ts';
import type { Database } from '../../tables/database.ts';
import { newId } from '../domain/id.ts';
import { taskStatuses } from '../domain/status.ts';
import type { Project, Task } from '../domain/task.ts';
import type { NewIdempotencyKey } from './idempotency-keys.ts';
import { addProvisionJobs } from './jobs.ts';
import { toTimestamp } from './task-rows.ts';
import { sendWakeUps } from './wake-up.ts';

/** A task at revision 1, before it is known whether its project exists. */
export type NewTask = Omit<Task, 'project'>;
export type NewProject = Pick<Project, 'repoUrl' | 'name'>;

/** A task with what is stored with it. */
export interface TaskInsert {
  readonly task: NewTask;
  readonly project: NewProject;
  readonly idempotencyKey: Pick<NewIdempotencyKey, 'key' | 'inputHash'> | null;
  /** Who asked for it, by name. */
  readonly actor: string;
}

/** What one statement takes is bounded, so that no create waits long for one that runs. */
const maxTasks = 100;

/** Stores the new tasks of one process: those that arrive while a statement is under way go together in the next. */
export class TaskInserts {
  readonly #db: Database;
  /** The most tasks of one workspace that are neither CANCELED nor ARCHIVED. Undefined: no limit. */
  readonly maxActive: number | undefined;
  readonly #queue: BatchQueue<TaskInsert, Task | null>;

  /** `onRun` is called with the number of tasks of each statement. */
  constructor(db: Database, maxActive?: number, onRun?: (count: number) => void) {
    this.#db = db;
    this.maxActive = maxActive;
    this.#queue = new BatchQueue({
      max: maxTasks,
      run: (inserts) => insertTasks(this.#db, inserts, this.maxActive),
      onRun,
    });
  }

  /**
   * Stores a task with its project, its first session, its first event and its job. Null when the idempotency key is used, when
   * the project was created at the same moment, or when the workspace has as many active tasks as it may have; nothing of it was
   * stored then. An aborted signal leaves out a task that still waits.
   */
  add(insert: TaskInsert, signal?: AbortSignal): Promise<Task | null> {
    return this.#queue.add(insert, signal);
  }

  /** Whether the workspace may have one more active task. */
  async hasRoom(workspaceId: string): Promise<boolean> {
    if (this.maxActive === undefined) return true;
    const { rows } = await sql<{ found: boolean }>`
      select ${placesIn(sql`${workspaceId}`, this.maxActive)} > 0 as found`.execute(this.#db.kysely);
    return rows[0]?.found ?? false;
  }
}

/**
 * One statement, so one transaction, whose text is the same for one task and for a hundred. Looks for projects before it inserts
 * them: with an upsert, all creates of one project would wait for each other. Inserts in the order of unique keys, so that two
 * servers that insert the same do not wait for each other.
 */
async function insertTasks(
  db: Database,
  inserts: readonly TaskInsert[],
  maxActive: number | undefined,
): Promise<(Task | null)[]> {
  const hasKeys = inserts.some(({ idempotencyKey }) => idempotencyKey);
  const allowed =
    maxActive === undefined
      ? sql`allowed as (select * from given)`
      : sql`room as materialized (
          select workspace_id, ${placesIn(sql.ref('workspace_id'), maxActive)} as places
          from (select distinct workspace_id from given order by workspace_id) named
        ), allowed as (
          select numbered.* from room join (
            select *, row_number() over (partition by workspace_id order by place) as number from given
          ) numbered using (workspace_id) where numbered.number <= room.places
        )`;
  const insertedKeys = sql`inserted_key as (
      insert into idempotency_key (workspace_id, key, input_hash, object_id)
      select allowed.workspace_id, key, input_hash, id from allowed
      join project_of_task on project_of_task.task_id = allowed.id
      where key is not null order by workspace_id, key, place
      on conflict do nothing returning object_id
    ),`;
  const { rows } = await sql<{ task_id: string; id: string; name: string; created_at: string }>`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(inserts.map(toRecord))}::jsonb) as record (
        place int, id text, workspace_id text, new_project_id text, project_url text, project_name text, repo_url text,
        prompt text, provider text, agent text, base_ref text, revision int, status text, state jsonb, created_at timestamptz,
        session_id text, prompt_id text, event_id text, actor text, key text, input_hash text)
    ), ${allowed}, existing_project as (
      select allowed.id as task_id, found.id, found.name, found.created_at from allowed cross join lateral (
        select id, name, created_at from project
        where project.workspace_id = allowed.workspace_id and project.repo_url = allowed.project_url limit 1
      ) found
    ), inserted_project as (
      insert into project (id, workspace_id, repo_url, name, created_at)
      select distinct on (workspace_id, project_url) new_project_id, workspace_id, project_url, project_name, created_at
      from allowed where not exists (select from existing_project where task_id = allowed.id)
      order by workspace_id, project_url, place
      on conflict do nothing returning id, workspace_id, repo_url, name, created_at
    ), project_of_task as (
      select task_id, id as project_id, name, created_at from existing_project
      union all select allowed.id, inserted_project.id, inserted_project.name, inserted_project.created_at from allowed
      join inserted_project on inserted_project.workspace_id = allowed.workspace_id
        and inserted_project.repo_url = allowed.project_url
    ), ${hasKeys ? insertedKeys : sql``} inserted as (
      insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status,
        state, created_at, updated_at, wake_at)
      select id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status,
        state, allowed.created_at, allowed.created_at, now()
      from allowed join project_of_task on project_of_task.task_id = allowed.id
      ${hasKeys ? sql`where key is null or id in (select object_id from inserted_key)` : sql``}
      order by place
      returning id, revision, epoch, workspace_id, project_id, prompt, status, state, created_at
    ), first_session as (
      insert into session (id, task_id, prompt)
      select session_id, inserted.id, inserted.prompt from inserted join allowed on allowed.id = inserted.id
    ), first_prompt as (
      insert into prompt (id, session_id, number, text, state, created_at)
      select prompt_id, session_id, inserted.revision, inserted.prompt, 'queued', inserted.created_at
      from inserted join allowed on allowed.id = inserted.id
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, state, at, actor)
      select event_id, inserted.id, inserted.revision, 'task.created', inserted.status, inserted.state,
        inserted.created_at, actor
      from inserted join allowed on allowed.id = inserted.id
    )
    select project_of_task.task_id, project_of_task.project_id as id, project_of_task.name, project_of_task.created_at,
      ${sendWakeUps('inserted', inserts.length)}, ${addProvisionJobs('inserted')}
    from inserted join project_of_task on project_of_task.task_id = inserted.id
  `.execute(db.kysely);

  const projectOfTask = new Map(rows.map(({ task_id, ...project }) => [task_id, project]));
  return inserts.map(({ task, project: { repoUrl } }) => {
    const project = projectOfTask.get(task.id);
    if (!project) return null;
    const { id, name, created_at } = project;
    return {
      ...task,
      project: { id, workspaceId: task.workspaceId, repoUrl, name, createdAt: toTimestamp(created_at) },
    };
  });
}

function toRecord({ task, project, idempotencyKey, actor }: TaskInsert, place: number): object {
  const { state, createdAt } = task;
  return {
    place,
    id: task.id,
    workspace_id: task.workspaceId,
    new_project_id: newId('project', createdAt),
    project_url: project.repoUrl,
    project_name: project.name,
    repo_url: task.repoUrl,
    prompt: task.prompt,
    provider: task.provider,
    agent: task.agent,
    base_ref: task.baseRef,
    revision: task.revision,
    status: state.status,
    state,
    created_at: createdAt,
    session_id: state.sessions[0].id,
    prompt_id: newId('prompt', createdAt),
    event_id: newId('event'),
    actor,
    key: idempotencyKey?.key,
    input_hash: idempotencyKey?.inputHash,
  };
}

function placesIn(workspaceId: RawBuilder<unknown>, maxActive: number): RawBuilder<number> {
  return sql<number>`workspace_room(${workspaceId}, ${activeStatuses}::text[], ${maxActive}::int)`;
}

const activeStatuses = taskStatuses.filter((status) => status !== 'canceled' && status !== 'archived');
