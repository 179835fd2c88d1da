import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { eventsToRunning, failed, started, succeeded } from '../tasks/domain/machine-states.ts';
import { repoUrl, type StartedApp, startApp } from './started-app.ts';

let app: StartedApp;
beforeAll(async () => {
  app = await startApp('api');
});
afterAll(() => app[Symbol.asyncDispose]());

const parts = `pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;

describe('createTask', () => {
  it('returns every field of the task at revision 1', async () => {
    const { createTask } = await app.ask<{ createTask: Record<string, unknown> }>(
      `mutation ($input: CreateTaskInput!) { createTask(input: $input) {
        __typename id revision status error { code } project { __typename id repoUrl name createdAt } prompt title
        branchName baseRef provider agent
        steps { name state attempt startedAt finishedAt deadlineAt nextAttemptAt error { code } }
        sandbox { id } sessions { id agent status error { code } createdAt readyAt task { id revision } }
        events { nodes { id revision kind status step error { code } at task { revision } } ${parts} }
        availableActions createdAt updatedAt readyAt
      } }`,
      { input: { repoUrl: `${repoUrl}.git`, prompt: 'Fix the tests', baseRef: 'main' } },
    );
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const cursor = expect.stringMatching(/./);
    const pending = { state: 'PENDING', attempt: 0, startedAt: null, finishedAt: null, deadlineAt: null };
    expect(createTask).toEqual({
      __typename: 'Task',
      id: expect.stringMatching(/^task_[0-9a-hjkmnp-tv-z]{26}$/),
      revision: 1,
      status: 'INIT_ENQUEUE_PROVISION',
      error: null,
      project: {
        __typename: 'Project',
        id: expect.stringMatching(/^project_/),
        repoUrl,
        name: 'o/r',
        createdAt: instant,
      },
      prompt: 'Fix the tests',
      title: null,
      branchName: null,
      baseRef: 'main',
      provider: 'scripted',
      agent: 'demo',
      steps: ['ENSURE_NAME', 'CREATE_SANDBOX', 'ENSURE_AGENT', 'CREATE_SESSION'].map((name) => ({
        name,
        ...pending,
        nextAttemptAt: null,
        error: null,
      })),
      sandbox: null,
      sessions: [
        {
          id: expect.stringMatching(/^session_/),
          agent: 'demo',
          status: 'PENDING_PROVISION',
          error: null,
          createdAt: instant,
          readyAt: null,
          task: { id: createTask.id, revision: 1 },
        },
      ],
      events: {
        nodes: [
          {
            id: expect.stringMatching(/^event_/),
            revision: 1,
            kind: 'task.created',
            status: 'INIT_ENQUEUE_PROVISION',
            step: null,
            error: null,
            at: instant,
            task: { revision: 1 },
          },
        ],
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: cursor, endCursor: cursor },
      },
      availableActions: ['CANCEL', 'CREATE_SESSION'],
      createdAt: instant,
      updatedAt: instant,
      readyAt: null,
    });
  });

  it('returns the same task for the same idempotency key', async () => {
    const input = { idempotencyKey: newId('event') };
    expect(await app.create(input)).toBe(await app.create(input));
  });
});

describe('a task', () => {
  it('shows the results of its steps, its sandbox and its sessions', async () => {
    const task = await app.stored.create({ prompt: 'p' });
    await app.stored.change(
      task.id,
      started('ensure_name'),
      failed('ensure_name', 60_000),
      ...eventsToRunning(task),
    );
    const { task: shown } = await app.ask<{ task: Record<string, unknown> }>(
      `query ($id: ID!) { task(id: $id) { status title branchName sandbox { id provider cwd } readyAt
        steps { name state attempt error { code message step retryable } } sessions { status readyAt } } }`,
      { id: task.id },
    );
    const error = { code: 'SANDBOX_FAILED', message: 'no room', step: 'ENSURE_NAME', retryable: true };
    expect(shown).toMatchObject({
      status: 'RUNNING',
      title: 'A title',
      branchName: 'a-branch',
      sandbox: { id: 'box', provider: 'local', cwd: '/work' },
      steps: [
        { name: 'ENSURE_NAME', state: 'SUCCEEDED', attempt: 2, error },
        { name: 'CREATE_SANDBOX', state: 'SUCCEEDED', attempt: 1, error: null },
        { name: 'ENSURE_AGENT', state: 'SUCCEEDED', attempt: 1, error: null },
        { name: 'CREATE_SESSION', state: 'SUCCEEDED', attempt: 1, error: null },
      ],
      sessions: [{ status: 'READY' }],
    });
    expect(shown.readyAt).not.toBeNull();
  });

  it('shows at which step provisioning failed, and why', async () => {
    const id = await app.createIn('error');
    const { task } = await app.ask(
      'query ($id: ID!) { task(id: $id) { status availableActions error { code message step retryable } } }',
      { id },
    );
    expect(task).toEqual({
      status: 'ERROR',
      availableActions: ['RETRY', 'CANCEL', 'ARCHIVE', 'CREATE_SESSION'],
      error: { code: 'SANDBOX_FAILED', message: 'no room', step: 'ENSURE_NAME', retryable: true },
    });
  });

  it.each([
    '',
    'nothing',
    'task_',
    'task_01',
    `task_${'z'.repeat(26)}`,
    newId('task'),
    newId('session'),
    '\0',
    "' or 1=1 --",
    'x'.repeat(10_000),
  ])('is null when it does not exist: %.40j', async (id) => {
    const found = await app.ask('query ($id: ID!) { task(id: $id) { id } node(id: $id) { id } }', { id });
    expect(found).toEqual({ task: null, node: null });
  });

  it('I13 of another workspace looks like one that does not exist, on every path', async () => {
    const [workspaceId, projectId, id] = [newId('workspace'), newId('project'), newId('task')];
    const mine = await app.create();
    await app.stored.sql(`insert into workspace (id, name) values (?, 'Other')`, [workspaceId]);
    await app.stored.sql(
      `insert into project (id, workspace_id, repo_url, name, created_at) values (?, ?, 'x', 'x', now())`,
      [projectId, workspaceId],
    );
    await app.stored.sql(
      `insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, revision, status, state, created_at, updated_at)
       select ?, ?, ?, repo_url, 'their secret', provider, agent, revision, status, state, created_at, updated_at from task where id = ?`,
      [id, workspaceId, projectId, mine],
    );
    const found = await app.ask<Record<string, unknown>>(
      `query ($id: ID!, $projectId: ID!, $workspaceId: ID!) { task(id: $id) { id } node(id: $id) { id }
        project: node(id: $projectId) { id } workspace: node(id: $workspaceId) { id }
        tasks(filter: { search: "their secret" }) { nodes { id } }
        theirs: tasks(filter: { projectId: $projectId }) { nodes { id } }
        projects { nodes { name } } }`,
      { id, projectId, workspaceId },
    );
    expect(found).toMatchObject({
      task: null,
      node: null,
      project: null,
      workspace: null,
      tasks: { nodes: [] },
      theirs: { nodes: [] },
    });
    expect(JSON.stringify(found.projects)).not.toContain('"x"');
    for (const mutation of ['retryTask', 'cancelTask', 'archiveTask']) {
      const missing = await app.send(`mutation { ${mutation}(id: "${newId('task')}") { id } }`);
      const others = await app.send(`mutation { ${mutation}(id: "${id}") { id } }`);
      expect(others.errors).toEqual(missing.errors);
      expect(others.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    }
    const add = (taskId: string) =>
      app.send(`mutation { createSession(input: { taskId: "${taskId}" }) { id } }`);
    expect((await add(id)).errors).toEqual((await add(newId('task'))).errors);
  });
});

describe('node and nodes', () => {
  it('find every kind of object', async () => {
    const id = await app.create();
    const { task, viewer } = await app.ask<{
      task: { project: { id: string }; sessions: [{ id: string }]; events: { nodes: [{ id: string }] } };
      viewer: { workspace: { id: string; name: string } };
    }>(
      `query ($id: ID!) { task(id: $id) { project { id } sessions { id } events { nodes { id } } }
        viewer { workspace { id name } } }`,
      { id },
    );
    const ids = [id, task.project.id, task.sessions[0].id, task.events.nodes[0].id, viewer.workspace.id];
    const types = ['Task', 'Project', 'Session', 'TaskEvent', 'Workspace'];
    const { nodes } = await app.ask<{ nodes: unknown[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }',
      { ids: [...ids, newId('task'), 'nothing', id] },
    );
    const expected = ids.map((each, index) => ({ __typename: types[index], id: each }));
    expect(nodes).toEqual([...expected, null, null, expected[0]]);
    for (const [index, each] of ids.entries()) {
      expect(await app.ask('query ($id: ID!) { node(id: $id) { __typename id } }', { id: each })).toEqual({
        node: expected[index],
      });
    }
    expect(viewer.workspace.name).toBe('Default');
  });

  it('take at most 100 ids', async () => {
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    const ids = Array.from({ length: 100 }, () => newId('task'));
    expect(await app.ask(query, { ids })).toEqual({ nodes: ids.map(() => null) });
    expect(await app.refusal(query, { ids: [...ids, ids[0]] })).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'ids',
    });
    expect(await app.ask(query, { ids: [] })).toEqual({ nodes: [] });
  });

  it('show an event with the task as it was at that revision', async () => {
    const task = await app.stored.create();
    await app.stored.change(task.id, started('ensure_name'), succeeded.ensure_name);
    const { task: shown } = await app.ask<{ task: { events: { nodes: unknown[] } } }>(
      'query ($id: ID!) { task(id: $id) { events { nodes { revision task { revision status title } } } } }',
      { id: task.id },
    );
    expect(shown.events.nodes).toEqual([
      { revision: 1, task: { revision: 1, status: 'INIT_ENQUEUE_PROVISION', title: null } },
      { revision: 2, task: { revision: 2, status: 'INIT_ENSURE_NAME', title: null } },
      { revision: 3, task: { revision: 3, status: 'INIT_ENSURE_NAME', title: 'A title' } },
    ]);
  });
});

describe('providers', () => {
  it('are those of the settings, and the first one is the default', async () => {
    expect(await app.ask('{ providers { name isDefault } }')).toEqual({
      providers: [
        { name: 'scripted', isDefault: true },
        { name: 'local', isDefault: false },
      ],
    });
  });
});
