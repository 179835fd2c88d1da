import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { eventsToRunning, failed, started, succeeded } from '../tasks/domain/machine-states.ts';
import { repoUrl, type StartedApp, startApp } from './started-app.ts';

let app: StartedApp;
beforeAll(async () => {
  app = await startApp('api');
});
afterAll(() => app[Symbol.asyncDispose]());

interface Connection {
  readonly edges: { cursor: string; node: { id: string; revision: number } }[];
  readonly nodes: { id: string; revision: number }[];
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}
const parts = `pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const tasksQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: TaskFilter) {
  tasks(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    edges { cursor node { id revision } } nodes { id revision } ${parts}
  }
}`;
const page = async (variables: Record<string, unknown>) =>
  (await app.ask<{ tasks: Connection }>(tasksQuery, variables)).tasks;
const idsOf = ({ nodes }: Connection) => nodes.map(({ id }) => id);

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

describe('the list of tasks', () => {
  let ids: string[];
  let projectId: string;
  const filter = () => ({ projectId });
  beforeAll(async () => {
    const made = [];
    for (let count = 0; count < 7; count += 1) {
      made.push(
        await app.stored.create({ repoUrl: 'https://example.com/o/list', prompt: `Prompt ${count}` }),
      );
    }
    projectId = made[0]?.project.id as string;
    ids = made.map(({ id }) => id).reverse();
  });

  it('is newest first when paged forward', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const each: Connection = await page({ first: 3, after, filter: filter() });
      expect(each.edges.map(({ node }) => node)).toEqual(each.nodes);
      expect(each.pageInfo).toEqual({
        hasNextPage: seen.length + 3 < 7,
        hasPreviousPage: after !== null,
        startCursor: each.edges[0]?.cursor,
        endCursor: each.edges.at(-1)?.cursor,
      });
      seen.push(...idsOf(each));
      if (!each.pageInfo.hasNextPage) break;
      after = each.pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
  });

  it('is in the same order when paged backward', async () => {
    const last = await page({ last: 3, filter: filter() });
    expect(idsOf(last)).toEqual(ids.slice(4));
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const middle = await page({ last: 3, before: last.pageInfo.startCursor, filter: filter() });
    expect(idsOf(middle)).toEqual(ids.slice(1, 4));
    expect(middle.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const first = await page({ last: 3, before: middle.pageInfo.startCursor, filter: filter() });
    expect(idsOf(first)).toEqual(ids.slice(0, 1));
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });

  it('contains only what lies between two cursors', async () => {
    const { edges } = await page({ filter: filter() });
    const between = { after: edges[1]?.cursor, before: edges[5]?.cursor, filter: filter() };
    expect(idsOf(await page(between))).toEqual(ids.slice(2, 5));
    expect(idsOf(await page({ ...between, last: 1 }))).toEqual(ids.slice(4, 5));
    expect(idsOf(await page({ ...between, first: 1 }))).toEqual(ids.slice(2, 3));
  });

  it('continues at the same place after a task was added', async () => {
    const first = await page({ first: 2, filter: filter() });
    const added = await app.stored.create({ repoUrl: 'https://example.com/o/list' });
    const next = await page({ first: 2, after: first.pageInfo.endCursor, filter: filter() });
    expect([...idsOf(first), ...idsOf(next)]).toEqual(ids.slice(0, 4));
    ids = [added.id, ...ids];
  });

  it('is also available as a field of the project', async () => {
    const { node } = await app.ask<{ node: { tasks: Connection } }>(
      `query ($id: ID!) { node(id: $id) { ... on Project { tasks(first: 2) { nodes { id revision } ${parts} } } } }`,
      { id: projectId },
    );
    expect(idsOf(node.tasks)).toEqual(ids.slice(0, 2));
    expect(node.tasks.pageInfo.hasNextPage).toBe(true);
  });

  it('can be filtered by status', async () => {
    const status = ['ERROR', 'CANCELED'];
    const failedId = await app.createIn('error');
    const canceledId = await app.createIn('canceled');
    const found = idsOf(await page({ filter: { status } }));
    expect(found.slice(0, 2)).toEqual([canceledId, failedId]);
    expect(idsOf(await page({ filter: { status: ['CANCELED'] } }))).not.toContain(failedId);
    expect(idsOf(await page({ filter: { status: [] } }))).toEqual([]);
    expect(idsOf(await page({ filter: { status, projectId } }))).toEqual([]);
  });

  it('can be searched for words of the current title and prompt', async () => {
    const byPrompt = await app.stored.create({ prompt: 'Sharpen the Zweihänder, twice' });
    const byTitle = await app.stored.create({ title: 'Zweihänder' });
    const settled = await app.stored.create({ prompt: 'p' });
    await app.stored.change(settled.id, started('ensure_name'), {
      type: 'nameSettled',
      title: 'A zweihänder',
      branchName: 'b',
    });
    const search = (text: string) => page({ filter: { search: text } }).then(idsOf);
    expect(await search('zweihänder')).toEqual([settled.id, byTitle.id, byPrompt.id]);
    expect(await search('ZWEIHÄNDER twice')).toEqual([byPrompt.id]);
    expect(await search('zweihänder nowhere')).toEqual([]);
    for (const text of ["'; drop table task --", '& | ! ( ) :*', '\0', '\ud800', '"', '\\', '%_']) {
      expect(await search(text), text).toEqual([]);
    }
  });

  it('is empty for a project that does not exist', async () => {
    for (const each of [newId('project'), 'nothing', '', newId('task')]) {
      expect(idsOf(await page({ filter: { projectId: each } }))).toEqual([]);
    }
  });
});

describe('the list of projects', () => {
  it('is newest first, paged forward and backward', async () => {
    const names = ['https://example.com/p/a', 'https://example.com/p/b', 'https://example.com/p/c'];
    for (const each of names) await app.create({ repoUrl: each });
    const ask = async (args: string) =>
      (
        await app.ask<{ projects: { nodes: { name: string }[]; pageInfo: Connection['pageInfo'] } }>(
          `{ projects(${args}) { nodes { name } ${parts} } }`,
        )
      ).projects;
    const first = await ask('first: 2');
    expect(first.nodes.map(({ name }) => name)).toEqual(['p/c', 'p/b']);
    const next = await ask(`first: 1, after: "${first.pageInfo.endCursor}"`);
    expect(next.nodes.map(({ name }) => name)).toEqual(['p/a']);
    const back = await ask(`last: 1, before: "${first.pageInfo.endCursor}"`);
    expect(back.nodes.map(({ name }) => name)).toEqual(['p/c']);
    expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });
});

describe('the history of a task', () => {
  it('is oldest first, paged forward and backward', async () => {
    const id = await app.createIn('running');
    const ask = async (args: string) =>
      (
        await app.ask<{
          task: { events: { nodes: { revision: number }[]; pageInfo: Connection['pageInfo'] } };
        }>(`{ task(id: "${id}") { events(${args}) { nodes { revision } ${parts} } } }`)
      ).task.events;
    const revisionsOf = ({ nodes }: { nodes: { revision: number }[] }) =>
      nodes.map(({ revision }) => revision);
    const first = await ask('first: 4');
    expect(revisionsOf(first)).toEqual([1, 2, 3, 4]);
    const rest = await ask(`after: "${first.pageInfo.endCursor}"`);
    expect(revisionsOf(rest)).toEqual([5, 6, 7, 8, 9, 10]);
    const last = await ask('last: 2');
    expect(revisionsOf(last)).toEqual([9, 10]);
    expect(revisionsOf(await ask(`last: 3, before: "${last.pageInfo.startCursor}"`))).toEqual([6, 7, 8]);
  });
});
