// What the servers of `create-clients` have in common: the schema, and one statement by hand for each create, which writes the
// same rows as Groundcrew does. No authentication, no limits, no ORM.
import { Pool } from 'pg';
import { newId } from '../../src/tasks/domain/id.ts';
import { createTaskState } from '../../src/tasks/domain/task-state.ts';

export const typeDefs = /* GraphQL */ `
  type Query { ok: Boolean }
  type Mutation { createTask(input: CreateTaskInput!): Task! }
  input CreateTaskInput { repoUrl: String! prompt: String! }
  type Task { id: ID! revision: Int! status: String! }
`;

/** SQL that adds the work on the new task, with its `id`, to a queue. */
export const queues = {
  /** As Groundcrew does: a notification for those who watch, and a job of Graphile Worker, which notifies its workers. */
  graphileWorker: `pg_notify('groundcrew_task', id),
      (graphile_worker.add_job('provisionTask', json_build_object('taskId', id), job_key => 'provision:' || id)).id as job`,
  /** The function that DBOS has for this. Nothing is notified: its workers and its readers look for themselves. */
  dbos: `dbos.enqueue_workflow('provisionTask', 'provision', array[json_build_object('taskId', id)],
      workflow_id => 'provision:' || id) as job`,
};

/** Takes the values that `taskValues` returns, in their order. */
export function insertTaskSql(queue: string): string {
  return `
    with existing as (
      select id from project where workspace_id = $1 and repo_url = $2
    ), added as (
      insert into project (id, workspace_id, repo_url, name, created_at)
      select $3, $1, $2, 'repository', $4 where not exists (select from existing) on conflict do nothing returning id
    ), inserted as (
      insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, revision, status, state,
        created_at, updated_at, wake_at)
      select $5, $1, project.id, $2, $6, 'instant', 'demo', 1, $7, $8, $4, $4, now()
      from (select id from existing union all select id from added) project
      returning *
    ), first_session as (
      insert into session (id, task_id, prompt) select $9, id, prompt from inserted
    ), first_prompt as (
      insert into prompt (id, session_id, number, text, state, created_at)
      select $10, $9, 1, prompt, 'queued', created_at from inserted
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, state, at, actor)
      select $11, id, 1, 'task.created', status, state, created_at, 'owner' from inserted
    )
    select id, revision, status, ${queue}
    from inserted`;
}

export function taskValues(workspaceId: string, input: { repoUrl: string; prompt: string }): string[] {
  const at = new Date().toISOString();
  const sessionId = newId('session');
  const state = createTaskState({ at, title: null, branchName: null, sessionId, agent: 'demo' });
  return [
    workspaceId,
    input.repoUrl,
    newId('project'),
    at,
    newId('task'),
    input.prompt,
    state.status,
    JSON.stringify(state),
    sessionId,
    newId('prompt'),
    newId('event'),
  ];
}

/** For the tasks of one workspace, on a pool of connections. */
export function createResolvers(databaseUrl: string, workspaceId: string, queue: string) {
  const pool = new Pool({ connectionString: databaseUrl, max: 10 });
  // Named: planned once for each connection.
  const statement = { name: 'create-task', text: insertTaskSql(queue) };
  return {
    Mutation: {
      async createTask(_: unknown, { input }: { input: { repoUrl: string; prompt: string } }) {
        const { rows } = await pool.query({ ...statement, values: taskValues(workspaceId, input) });
        return rows[0];
      },
    },
  };
}
