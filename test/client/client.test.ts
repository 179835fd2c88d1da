import { gql } from '@urql/core';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { toAsyncIterable } from 'wonka';
import {
  createGroundcrew,
  type Groundcrew,
  type Task,
  TaskUpdatedDocument,
} from '../../src/client/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { type ApiProcess, GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const { token } = GroundcrewProcesses;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let repository: GitRepository;
let processes: GroundcrewProcesses;
let api: ApiProcess;
let worker: StartedProcess;
let url: string;
const clients: Groundcrew[] = [];

function connect(): Groundcrew {
  const client = createGroundcrew({ url, token: async () => token });
  clients.push(client);
  return client;
}

async function connectAdmin(): Promise<Client & AsyncDisposable> {
  const admin = new Client(inject('adminUrl'));
  await admin.connect();
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.end() });
}

const input = () => ({ repoUrl: repository.path, prompt: 'Say hello' });

beforeAll(async () => {
  database = await createTestDatabase();
  repository = await createGitRepository();
  processes = await GroundcrewProcesses.create({ DATABASE_URL: database.url, LOG_LEVEL: 'warn' });
  [api, worker] = await Promise.all([processes.startApi(), processes.startWorker()]);
  url = api.url;
});

afterAll(async () => {
  for (const client of clients) await client.close();
  const cleaner = connect();
  const { data } = await cleaner.urql
    .query(gql`{ tasks(first: 100) { nodes { id status } } }`, {})
    .toPromise();
  for (const { id, status } of data.tasks.nodes) if (status !== 'ARCHIVED') await cleaner.cancelTask(id);
  for (const { id } of data.tasks.nodes)
    await waitFor(async () => (await cleaner.task(id))?.sandbox === null);
  await cleaner.close();
  for (const each of [api, worker]) {
    each.kill('SIGTERM');
    expect(await each.exit).toEqual({ code: 0, signal: null });
  }
  await database.drop();
  await repository[Symbol.asyncDispose]();
  await processes[Symbol.asyncDispose]();
});

async function takeUntil(tasks: AsyncIterable<Task>, last: (task: Task) => boolean): Promise<Task[]> {
  const seen: Task[] = [];
  for await (const task of tasks) {
    seen.push(task);
    if (last(task)) break;
  }
  return seen;
}

describe('a Groundcrew client with a real server', () => {
  it('watches every revision of a task from its creation until it is RUNNING', async () => {
    const groundcrew = connect();
    const created = await groundcrew.createTask(input());
    expect(created).toMatchObject({ revision: 1, status: 'INIT_ENQUEUE_PROVISION' });

    const [ready, seen] = await Promise.all([
      groundcrew.whenReady(created.id),
      takeUntil(groundcrew.watchTask(created.id, { afterRevision: 0 }), ({ status }) => status === 'RUNNING'),
    ]);
    expect(ready.status).toBe('RUNNING');
    expect(seen.map(({ revision }) => revision)).toEqual(seen.map((_, index) => index + 1));
    expect([...new Set(seen.map(({ status }) => status))]).toEqual([
      'INIT_ENQUEUE_PROVISION',
      'INIT_ENSURE_NAME',
      'INIT_CREATE_SANDBOX',
      'INIT_ENSURE_AGENT',
      'INIT_CREATE_SESSION',
      'RUNNING',
    ]);
  });

  it('continues with the next revision after the server was killed and restarted', async () => {
    const watcher = connect();
    const { id } = await watcher.createTask(input());
    const tasks = watcher.watchTask(id, { afterRevision: 0 });
    const before: Task[] = [];
    while (before.at(-1)?.status !== 'RUNNING') before.push((await tasks.next()).value as Task);

    api.kill('SIGKILL');
    await api.exit;
    api = await processes.startApi({ PORT: new URL(url).port });
    const other = connect();
    await other.createSession({ taskId: id });
    await other.archiveTask(id);

    const after = await takeUntil(tasks, ({ status, sandbox }) => status === 'ARCHIVED' && sandbox === null);
    const revisions = [...before, ...after].map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
  });

  it('resumes a subscription whose document selects no revision', async () => {
    const groundcrew = connect();
    const { id } = await groundcrew.createTask(input());
    await groundcrew.whenReady(id);
    const document = gql`subscription ($id: ID!) { taskUpdated(id: $id) { id status sandbox { id } } }`;
    const results = toAsyncIterable(groundcrew.urql.subscription(document, { id }))[Symbol.asyncIterator]();
    expect((await results.next()).value?.data.taskUpdated).toMatchObject({ id, status: 'RUNNING' });

    api.kill('SIGKILL');
    await api.exit;
    api = await processes.startApi({ PORT: new URL(url).port });
    await connect().archiveTask(id);

    // A subscription that starts again without a revision would first bring RUNNING again.
    const next = (await results.next()).value?.data.taskUpdated;
    expect(next).toMatchObject({ id, status: 'ARCHIVED' });
    expect(Object.keys(next)).toEqual(expect.not.arrayContaining(['groundcrewPosition']));
    await results.return?.();
  });

  it('watches a task although the database is unavailable when the watch starts', async () => {
    const groundcrew = connect();
    const { id } = await groundcrew.createTask(input());
    await groundcrew.whenReady(id);
    const overUrql = toAsyncIterable(
      groundcrew.urql.subscription(TaskUpdatedDocument, { id, afterRevision: 0 }),
    );

    const name = new URL(database.url).pathname.slice(1);
    await using admin = await connectAdmin();
    await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    const tasks = takeUntil(
      groundcrew.watchTask(id, { afterRevision: 0 }),
      ({ status }) => status === 'RUNNING',
    );
    const first = overUrql[Symbol.asyncIterator]().next();
    await api.waitForLine(/not currently accepting connections/, 20_000, 'stderr');
    await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);

    const revisions = (await tasks).map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
    expect((await first).value).toMatchObject({ data: { taskUpdated: { revision: 1 } } });
  });

  it('rejects with UNAUTHENTICATED for a wrong token', async () => {
    const groundcrew = createGroundcrew({ url, token: 'wrong' });
    clients.push(groundcrew);
    const unauthenticated = { name: 'GroundcrewError', code: 'UNAUTHENTICATED' };
    const id = 'task_00000000000000000000000000';
    await expect(groundcrew.watchTask(id).next()).rejects.toMatchObject(unauthenticated);
    await expect(groundcrew.task(id)).rejects.toMatchObject(unauthenticated);
  });

  it('rejects whenReady with the task when its provisioning fails', async () => {
    const groundcrew = connect();
    const { id } = await groundcrew.createTask({ ...input(), repoUrl: '/nothing/here' });
    await expect(groundcrew.whenReady(id)).rejects.toMatchObject({
      name: 'TaskNotReadyError',
      task: {
        status: 'ERROR',
        error: { code: 'REPOSITORY_NOT_FOUND', step: 'ENSURE_NAME', retryable: false },
      },
    });
  });

  it('names the input field that the API refuses', async () => {
    await expect(connect().createTask({ ...input(), prompt: '' })).rejects.toMatchObject({
      name: 'GroundcrewError',
      code: 'BAD_USER_INPUT',
      field: 'prompt',
    });
  });

  it('throws NOT_FOUND from a watch of a task that does not exist', async () => {
    const missing = connect().watchTask('task_00000000000000000000000000');
    await expect(missing.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('can be imported as groundcrew/client by examples/watch-task.mjs, which prints every revision until the task is RUNNING, and ends', async () => {
    const example = startProcess(['node', 'examples/watch-task.mjs', repository.path], {
      env: { GROUNDCREW_URL: url, GROUNDCREW_TOKEN: token },
    });
    expect(await example.exit).toEqual({ code: 0, signal: null });
    expect(example.stdout.at(0)).toBe('1 INIT_ENQUEUE_PROVISION ');
    expect(example.stdout.at(-1)).toMatch(/^\d+ RUNNING $/);
    const revisions = example.stdout.map((line) => Number.parseInt(line, 10));
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
  });
});
