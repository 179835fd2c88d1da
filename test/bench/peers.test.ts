import { Client } from 'pg';
import { expect, it } from 'vitest';
import { openLightClient } from '../../bench/light-client.ts';
import { revisionOf, subscriptionOf } from '../../bench/message.ts';
import { startServer, token } from '../../bench/server-process.ts';
import { type Notification, revise, subscribeMessage } from '../../bench/watched-task.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { repoUrl, StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';

const creators = ['yoga-create-server', 'mercurius-create-server', 'dbos-create-server'];
const create = `mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision status } }`;

it('each server that createTask is compared with stores the same rows and adds the work to its queue', async () => {
  await using stored = await StoredTasks.create();
  const ours = await stored.create();
  const created = await Promise.all(
    creators.map(async (name) => {
      const program = ['--no-warnings', `bench/floors/${name}.ts`, stored.url, stored.workspace.id];
      await using server = await startServer(program);
      const ask = () => fetchGraphql(server.url, token, create, { input: { repoUrl, prompt: 'Fix it' } });
      await ask();
      // Compiled by now, where a server does that.
      const { data, errors } = await ask();
      expect(errors).toBeUndefined();
      return (data as { createTask: { id: string } }).createTask;
    }),
  );
  for (const task of created) {
    expect(task).toMatchObject({ revision: 1, status: ours.state.status });
    expect(await rowsOf(task.id)).toEqual(await rowsOf(ours.id));
  }
  const queued = await stored.sql<{ key: string }>(
    `select key from graphile_worker.jobs where key is not null
     union all select workflow_uuid from dbos.workflow_status where status = 'ENQUEUED'`,
  );
  const keys = [ours, ...created].map(({ id }) => `provision:${id}`);
  expect(queued.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));

  function rowsOf(taskId: string) {
    return stored.sql(
      `select task.status, task.revision, task.project_id, event.kind, event.revision as event_revision, event.actor,
         prompt.number, prompt.state
       from task join task_event event on event.task_id = task.id join session on session.task_id = task.id
       join prompt on prompt.session_id = session.id where task.id = ?`,
      [taskId],
    );
  }
});

const watchers: readonly [program: string, Notification][] = [
  ['yoga-server', 'task'],
  ['mercurius-server', 'task'],
  ['dbos-server', 'stream'],
];

it('each server that delivery is compared with sends the task and then each revision', async () => {
  await using stored = await StoredTasks.create();
  const { id } = await stored.create();
  const writer = new Client(stored.url);
  await writer.connect();
  await using parts = new AsyncDisposableStack();
  parts.defer(() => writer.end());
  const servers = await Promise.all(
    watchers.map(([name]) => startServer(['--no-warnings', `bench/floors/${name}.ts`, stored.url])),
  );
  for (const server of servers) parts.use(server);
  let newest = 1;
  for (const [index, [, notification]] of watchers.entries()) {
    const messages: string[] = [];
    const client = await openLightClient(
      `${servers[index]?.url}/graphql`,
      { graphql: true },
      (payload) => void messages.push(`${subscriptionOf(payload)}: ${revisionOf(payload)}`),
    );
    client.send(subscribeMessage(7, id));
    const expected = [`7: ${newest}`];
    for (let turn = 0; turn < 3; turn += 1) {
      await waitFor(() => messages.length === expected.length, 30_000, 'the revision');
      await writer.query(revise(id, notification));
      newest += 1;
      expected.push(`7: ${newest}`);
    }
    await waitFor(() => messages.length === expected.length, 30_000, 'the last revision');
    expect(messages).toEqual(expected);
    client.pause();
  }
});
