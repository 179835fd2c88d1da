// The usual way to create a task: Yoga's schema, a pool of pg, and one statement by hand for each create, which writes the same rows
// and adds the same job. No authentication, no limits, no ORM.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSchema, createYoga } from 'graphql-yoga';
import { Pool } from 'pg';
import { newId } from '../../src/tasks/domain/id.ts';
import { createTaskState } from '../../src/tasks/domain/task-state.ts';

const [, , databaseUrl = '', workspaceId = ''] = process.argv;
const pool = new Pool({ connectionString: databaseUrl, max: 10 });

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query { ok: Boolean }
    type Mutation { createTask(input: CreateTaskInput!): Task! }
    input CreateTaskInput { repoUrl: String! prompt: String! }
    type Task { id: ID! revision: Int! status: String! }
  `,
  resolvers: {
    Mutation: {
      createTask: (_: unknown, { input }: { input: { repoUrl: string; prompt: string } }) =>
        createTask(input),
    },
  },
});

const statement = {
  name: 'create-task',
  text: `
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
    select id, revision, status, pg_notify('groundcrew_task', id),
      (graphile_worker.add_job('provisionTask', json_build_object('taskId', id), job_key => 'provision:' || id)).id as job
    from inserted`,
};

async function createTask(input: { repoUrl: string; prompt: string }): Promise<unknown> {
  const at = new Date().toISOString();
  const sessionId = newId('session');
  const state = createTaskState({ at, title: null, branchName: null, sessionId, agent: 'demo' });
  const { rows } = await pool.query({
    ...statement,
    values: [
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
    ],
  });
  return rows[0];
}

const server = createServer(createYoga({ schema, logging: false }));
process.on('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
