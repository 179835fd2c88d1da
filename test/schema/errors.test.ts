import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { type TaskStatus, taskStatuses } from '../../src/tasks/domain/status.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { repoUrl, type StartedApp, startApp } from './started-app.ts';

// The section Errors of CONTRACT.md, tested on the real schema.

let app: StartedApp;
beforeAll(async () => {
  app = await startApp('api');
});
afterAll(() => app[Symbol.asyncDispose]());

const createTask = 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id } }';
const createSession = 'mutation ($input: CreateSessionInput!) { createSession(input: $input) { id } }';
const nul = '\0';

describe('createTask', () => {
  it.each([
    ['repoUrl', 'no repository'],
    ['repoUrl', '--upload-pack=x'],
    ['repoUrl', nul],
    ['prompt', ' '],
    ['prompt', `a${nul}`],
    ['prompt', 'a\ud800'],
    ['prompt', 'x'.repeat(100_001)],
    ['title', `a${nul}`],
    ['branchName', 'a..b'],
    ['baseRef', '-x'],
    ['provider', 'nobody'],
    ['agent', 'a b'],
  ])('refuses an invalid %s: %.30j', async (field, value) => {
    const input = { repoUrl, prompt: 'p', [field]: value };
    expect(await app.refusal(createTask, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
  });
});

describe('an empty string', () => {
  it.each(['repoUrl', 'prompt', 'title', 'branchName', 'baseRef', 'provider', 'agent', 'idempotencyKey'])(
    'is refused by createTask in %s',
    async (field) => {
      const input = { repoUrl, prompt: 'p', [field]: '' };
      expect(await app.refusal(createTask, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
    },
  );

  it.each(['agent', 'prompt', 'idempotencyKey'])('is refused by createSession in %s', async (field) => {
    const input = { taskId: await app.create(), [field]: '' };
    expect(await app.refusal(createSession, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
  });

  it.each(['after', 'before'])('is refused as a cursor in %s', async (field) => {
    expect(await app.refusal(`{ tasks(${field}: "") { nodes { id } } }`)).toEqual({
      code: 'BAD_USER_INPUT',
      field,
    });
  });

  it('is refused as a search in a filter', async () => {
    expect(await app.refusal('{ tasks(filter: { search: "" }) { nodes { id } } }')).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'search',
    });
  });
});

describe('a search', () => {
  it('is refused when it has more words than the database takes', async () => {
    const words = Array.from({ length: 20_000 }, (_, index) => index.toString(36).padStart(4, '0')).join(' ');
    const query = 'query ($search: String) { tasks(filter: { search: $search }) { nodes { id } } }';
    expect(await app.refusal(query, { search: words })).toEqual({ code: 'BAD_USER_INPUT', field: 'search' });
  });
});

describe('the size of a page', () => {
  const lists = ['tasks', 'projects'];
  it.each(lists.flatMap((list) => [0, -1, 101, 2_147_483_647].map((size) => [list, size] as const)))(
    'of %s cannot be %i',
    async (list, size) => {
      for (const field of ['first', 'last']) {
        const refused = await app.refusal(`{ ${list}(${field}: ${size}) { nodes { id } } }`);
        expect(refused).toEqual({ code: 'BAD_USER_INPUT', field });
      }
    },
  );

  it('of events, and of the tasks of a project, cannot be 0 or 101', async () => {
    const id = await app.create();
    for (const field of ['first', 'last']) {
      const query = `{ task(id: "${id}") { events(${field}: 0) { nodes { id } } } }`;
      expect(await app.refusal(query)).toEqual({ code: 'BAD_USER_INPUT', field });
      const project = `{ task(id: "${id}") { project { tasks(${field}: 101) { nodes { id } } } } }`;
      expect(await app.refusal(project)).toEqual({ code: 'BAD_USER_INPUT', field });
    }
  });

  it('cannot be given twice, and cursors must come from the API', async () => {
    expect(await app.refusal('{ tasks(first: 1, last: 1) { nodes { id } } }')).toMatchObject({
      code: 'BAD_USER_INPUT',
    });
    for (const field of ['after', 'before']) {
      const refused = await app.refusal(`{ tasks(${field}: "no cursor") { nodes { id } } }`);
      expect(refused).toEqual({ code: 'BAD_USER_INPUT', field });
    }
  });
});

describe('an id that is malformed or does not exist', () => {
  const ids = ['', 'nothing', 'task_', newId('task'), newId('session'), nul];

  it.each(ids)('is null from a query: %j', async (id) => {
    expect(await app.ask('query ($id: ID!) { task(id: $id) { id } node(id: $id) { id } }', { id })).toEqual({
      task: null,
      node: null,
    });
  });

  it.each(ids)('is NOT_FOUND from a mutation: %j', async (id) => {
    for (const name of ['retryTask', 'cancelTask', 'archiveTask']) {
      const refused = await app.refusal(`mutation ($id: ID!) { ${name}(id: $id) { id } }`, { id });
      expect(refused, name).toMatchObject({ code: 'NOT_FOUND' });
    }
    const refused = await app.refusal(createSession, { input: { taskId: id } });
    expect(refused).toEqual({ code: 'NOT_FOUND', field: 'taskId' });
  });

  it.each(ids)('is NOT_FOUND from a subscription: %j', async (id) => {
    const client = await connect(app.url, { token: app.token });
    const subscriptions = [
      'subscription ($id: ID!) { taskUpdated(id: $id) { id } }',
      'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { id } }',
      'subscription ($id: ID!) { tasksUpdated(projectId: $id) { id } }',
    ];
    for (const query of subscriptions) {
      expect(await client.run({ query, variables: { id } })).toMatchObject({
        type: 'error',
        payload: [{ extensions: { code: 'NOT_FOUND' } }],
      });
    }
    await client.close();
  });
});

describe('an action on a task', () => {
  const allowed: Record<string, TaskStatus[]> = {
    retryTask: ['error'],
    cancelTask: taskStatuses.filter((status) => status !== 'archived'),
    archiveTask: ['running', 'error', 'archived'],
    createSession: taskStatuses.filter((status) => status !== 'canceled' && status !== 'archived'),
  };
  const cells = Object.keys(allowed).flatMap((name) => taskStatuses.map((status) => [name, status] as const));

  it.each(cells)(
    '%s in status %s succeeds where that is allowed, else fails with INVALID_STATE',
    async (name, status) => {
      const id = await app.createIn(status);
      const operation =
        name === 'createSession'
          ? `mutation { createSession(input: { taskId: "${id}" }) { task { revision } } }`
          : `mutation { ${name}(id: "${id}") { status revision } }`;
      const refused = await app.refusal(operation);
      if (allowed[name]?.includes(status)) expect(refused).toBeUndefined();
      else expect(refused).toEqual({ code: 'INVALID_STATE', status: status.toUpperCase() });
    },
  );

  it('is one of availableActions exactly when the status allows it', async () => {
    const names = {
      RETRY: 'retryTask',
      CANCEL: 'cancelTask',
      ARCHIVE: 'archiveTask',
      CREATE_SESSION: 'createSession',
    };
    for (const status of taskStatuses) {
      const id = await app.createIn(status);
      const { task } = await app.ask<{ task: { availableActions: (keyof typeof names)[] } }>(
        `{ task(id: "${id}") { availableActions } }`,
      );
      // Both return a closed task unchanged, so they are not offered.
      const offered = Object.entries(allowed).filter(
        ([name, statuses]) =>
          statuses.includes(status) &&
          !(status === 'canceled' && name === 'cancelTask') &&
          !(status === 'archived' && name === 'archiveTask'),
      );
      expect(new Set(task.availableActions.map((action) => names[action]))).toEqual(
        new Set(offered.map(([name]) => name)),
      );
    }
  });
});

describe('an error', () => {
  it('has the code UNAUTHENTICATED without a valid token', async () => {
    for (const token of [undefined, 'wrong', `${app.token}x`]) {
      const { errors, data } = await fetchGraphql(app.url, token, '{ viewer { workspace { id } } }');
      expect(errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
      expect(data ?? null).toBeNull();
    }
  });

  it('has the code IDEMPOTENCY_CONFLICT for a key that was used with another input', async () => {
    const key = newId('event');
    const id = await app.create({ idempotencyKey: key });
    const conflict = { code: 'IDEMPOTENCY_CONFLICT', field: 'idempotencyKey' };
    const input = { repoUrl, prompt: 'Another', idempotencyKey: key };
    expect(await app.refusal(createTask, { input })).toEqual(conflict);
    expect(await app.refusal(createSession, { input: { taskId: id, idempotencyKey: key } })).toEqual(
      conflict,
    );
  });

  it('has the code BAD_USER_INPUT and its field for a revision that does not exist', async () => {
    const id = await app.create();
    const client = await connect(app.url, { token: app.token });
    for (const after of [-1, 2, 2_147_483_647]) {
      const query = `subscription { taskUpdated(id: "${id}", afterRevision: ${after}) { id } }`;
      expect(await client.run({ query })).toMatchObject({
        type: 'error',
        payload: [{ extensions: { code: 'BAD_USER_INPUT', field: 'afterRevision' } }],
      });
    }
    await client.close();
  });

  it.each([
    [
      'costly pages in pages',
      '{ tasks(first: 100) { nodes { project { tasks(first: 100) { nodes { events(first: 100) { nodes { id } } } } } } } }',
    ],
    [
      'many levels',
      `{ viewer { workspace { id } } tasks { nodes ${'{ project { tasks { nodes '.repeat(6)} { id } ${'} } }'.repeat(6)} } }`,
    ],
    ['lists in lists', `{ nodes(ids: ${'['.repeat(5_000)}`],
    [
      'many aliases',
      `{ ${Array.from({ length: 31 }, (_, index) => `a${index}: providers { name }`).join(' ')} }`,
    ],
    [
      'many mutations',
      `mutation { ${Array.from({ length: 11 }, (_, index) => `a${index}: cancelTask(id: "x") { id }`).join(' ')} }`,
    ],
  ])('has the code QUERY_TOO_COMPLEX for %s, on HTTP and WebSocket', async (_what, query) => {
    expect(await app.refusal(query)).toMatchObject({ code: 'QUERY_TOO_COMPLEX' });
    const client = await connect(app.url, { token: app.token });
    const { payload } = await client.run({ query });
    const errors = (
      Array.isArray(payload) ? payload : (payload as { errors: unknown[] }).errors
    ) as unknown[];
    expect(errors[0]).toMatchObject({ extensions: { code: 'QUERY_TOO_COMPLEX' } });
    await client.close();
  });

  it('does not occur for a page of 100 tasks with all fields that a front end shows', async () => {
    const answer =
      await app.send(`{ tasks(first: 100) { nodes { id revision status title branchName prompt provider agent
      project { id name repoUrl } error { code message } steps { name state attempt error { message } }
      sandbox { id cwd } sessions { id status agent } availableActions createdAt updatedAt readyAt }
      pageInfo { hasNextPage endCursor } } }`);
    expect(answer.errors).toBeUndefined();
  });

  it.each([
    ['GRAPHQL_PARSE_FAILED', '{ task('],
    ['GRAPHQL_VALIDATION_FAILED', '{ nothing }'],
    ['GRAPHQL_VALIDATION_FAILED', '{ tasks(filter: { status: [NOWHERE] }) { nodes { id } } }'],
    ['GRAPHQL_VALIDATION_FAILED', 'mutation { createTask(input: { repoUrl: "x" }) { id } }'],
  ])('has the code %s for %s', async (code, query) => {
    expect(await app.refusal(query)).toMatchObject({ code });
  });

  it('has the code INTERNAL_SERVER_ERROR and an id, and hides what went wrong', async () => {
    const id = await app.create();
    await app.stored.sql('alter table task_event rename to task_event_away');
    try {
      const answer = await app.send(`{ task(id: "${id}") { events { nodes { id } } } }`);
      expect(answer.errors?.[0]).toMatchObject({
        message: 'Internal server error.',
        extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      });
      expect(JSON.stringify(answer)).not.toMatch(/task_event|select|relation|\.ts/);
    } finally {
      await app.stored.sql('alter table task_event_away rename to task_event');
    }
  });
});
