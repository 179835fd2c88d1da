import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { connect, type Subscription } from '../support/graphql-ws-client.ts';
import { fails, hangs, waitsFor } from '../support/scripted-provider.ts';
import { type StartedApp, startApp } from './started-app.ts';

let app: StartedApp;
let repository: GitRepository;
beforeAll(async () => {
  app = await startApp('start');
  repository = await createGitRepository();
});
afterEach(() => app.provider.reset());
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

interface Seen {
  readonly id: string;
  readonly revision: number;
  readonly status: string;
  readonly title: string | null;
  readonly sandbox: { id: string } | null;
  readonly steps: { state: string; attempt: number }[];
  readonly sessions: { status: string }[];
}
const fields = 'id revision status title sandbox { id } steps { state attempt } sessions { status }';
const watch = `subscription ($id: ID!, $after: Int) { taskUpdated(id: $id, afterRevision: $after) { ${fields} } }`;

async function next(subscription: Subscription): Promise<Seen> {
  const { type, payload } = await subscription.next(15_000);
  expect(type).toBe('next');
  const { data, errors } = payload as { data: { taskUpdated: Seen }; errors?: unknown };
  expect(errors).toBeUndefined();
  return data.taskUpdated;
}

async function until(subscription: Subscription, status: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  do seen.push(await next(subscription));
  while (seen.at(-1)?.status !== status);
  return seen;
}
const statusesOf = (seen: Seen[]) =>
  seen.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1]);
const revisionsOf = (seen: Seen[]) => seen.map(({ revision }) => revision);
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const create = (input: Record<string, unknown> = {}) => app.create({ repoUrl: repository.path, ...input });

const allStatuses = [
  'INIT_ENQUEUE_PROVISION',
  'INIT_ENSURE_NAME',
  'INIT_CREATE_SANDBOX',
  'INIT_ENSURE_AGENT',
  'INIT_CREATE_SESSION',
  'RUNNING',
];

describe('taskUpdated', () => {
  it('delivers every revision once, in order, through every status', async () => {
    const client = await connect(app.url, { token: app.token });
    const id = await create();
    const seen = await until(client.subscribe({ query: watch, variables: { id, after: 0 } }), 'RUNNING');
    expect(statusesOf(seen)).toEqual(allStatuses);
    expect(revisionsOf(seen)).toEqual(upTo(seen.length));
    expect(seen[0]).toMatchObject({
      title: null,
      sandbox: null,
      sessions: [{ status: 'PENDING_PROVISION' }],
    });
    expect(seen.at(-1)).toMatchObject({ title: 'Fix the tests', sessions: [{ status: 'READY' }] });
    await client.close();
  });

  it('starts with the current revision when afterRevision is left out', async () => {
    const gate = Promise.withResolvers<void>();
    app.provider.on('ensureAgent', waitsFor(gate.promise));
    const client = await connect(app.url, { token: app.token });
    const id = await create();
    await app.provider.waitForCall('ensureAgent', { when: ({ key }) => key === id.replace('_', '-') });
    const subscription = client.subscribe({ query: watch, variables: { id } });
    const first = await next(subscription);
    expect(first).toMatchObject({ status: 'INIT_ENSURE_AGENT' });
    gate.resolve();
    const rest = await until(subscription, 'RUNNING');
    expect(revisionsOf(rest)).toEqual(upTo(first.revision + rest.length, first.revision + 1));
    await client.close();
  });

  it('starts after afterRevision and delivers each revision as it was', async () => {
    const client = await connect(app.url, { token: app.token });
    const id = await create();
    const all = await until(client.subscribe({ query: watch, variables: { id, after: 0 } }), 'RUNNING');
    for (const after of [1, 5, all.length - 1]) {
      const rest = await until(client.subscribe({ query: watch, variables: { id, after } }), 'RUNNING');
      expect(rest).toEqual(all.slice(after));
    }
    await client.close();
  });

  it('delivers failed attempts, the final failure, a retry, a new session and a cancel', async () => {
    app.provider.on('createSandbox', fails({ message: 'no room' }));
    const client = await connect(app.url, { token: app.token });
    const id = await create();
    const subscription = client.subscribe({ query: watch, variables: { id, after: 0 } });
    const failing = await until(subscription, 'ERROR');
    expect(failing.at(-1)?.steps[1]).toEqual({ state: 'FAILED', attempt: 5 });
    app.provider.reset();
    app.provider.on('createSession', hangs());
    await app.ask(`mutation { retryTask(id: "${id}") { id } }`);
    const retried = await until(subscription, 'INIT_CREATE_SESSION');
    await app.ask(`mutation { createSession(input: { taskId: "${id}" }) { id } }`);
    await app.ask(`mutation { cancelTask(id: "${id}") { id } }`);
    const canceled = await until(subscription, 'CANCELED');
    const released = await next(subscription);
    expect(released).toMatchObject({ status: 'CANCELED', sandbox: null });
    expect(released.sessions.map(({ status }) => status)).toEqual(['CLOSED', 'CLOSED']);
    const seen = [...failing, ...retried, ...canceled, released];
    expect(revisionsOf(seen)).toEqual(upTo(seen.length));
    expect(statusesOf(retried)).toEqual([
      'INIT_ENQUEUE_PROVISION',
      'INIT_CREATE_SANDBOX',
      'INIT_ENSURE_AGENT',
      'INIT_CREATE_SESSION',
    ]);
    await client.close();
  });

  it('is accompanied by events of the documented kinds', async () => {
    const id = await create();
    const client = await connect(app.url, { token: app.token });
    await until(client.subscribe({ query: watch, variables: { id, after: 0 } }), 'RUNNING');
    await client.close();
    const { task } = await app.ask<{ task: { events: { nodes: { kind: string }[] } } }>(
      `{ task(id: "${id}") { events { nodes { kind } } } }`,
    );
    const kinds = task.events.nodes.map(({ kind }) => kind);
    expect(kinds.filter((kind) => /^(task|session|step\.failed)/.test(kind))).toEqual([
      'task.created',
      'task.status_changed',
      'task.named',
      'task.status_changed',
      'task.status_changed',
      'task.status_changed',
      'session.ready',
      'task.status_changed',
    ]);
  });
});

describe('tasksUpdated', () => {
  it('delivers each new task up to its newest revision', async () => {
    const client = await connect(app.url, { token: app.token });
    const subscription = client.subscribe({
      query: `subscription { tasksUpdated { id revision status } }`,
    });
    // Operations of one socket start in order: once this query is answered, the subscription is open.
    await client.run({ query: '{ viewer { workspace { id } } }' });
    const ids = [await create(), await create()];
    const newest = new Map<string, { revision: number; status: string }>();
    while (ids.some((id) => newest.get(id)?.status !== 'RUNNING')) {
      const { payload } = await subscription.next(15_000);
      const { tasksUpdated: task } = (
        payload as { data: { tasksUpdated: { id: string; revision: number; status: string } } }
      ).data;
      expect(task.revision).toBeGreaterThan(newest.get(task.id)?.revision ?? 0);
      newest.set(task.id, task);
    }
    await client.close();
  });
});
