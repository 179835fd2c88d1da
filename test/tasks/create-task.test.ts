import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TaskCreator } from '../../src/tasks/create-task.ts';
import { isId } from '../../src/tasks/domain/id.ts';
import type { CreateTaskInput } from '../../src/tasks/input.ts';
import { findTask } from '../../src/tasks/store/view/task-queries.ts';
import { repoUrl, StoredTasks } from '../support/stored-tasks.ts';
import { started, succeeded } from './domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());
beforeEach(() => empty());

async function empty(): Promise<void> {
  await tasks.sql('truncate task, task_event, session, sandbox, idempotency_key, project cascade');
  await tasks.sql('delete from graphile_worker._private_jobs');
}

async function counts(): Promise<Record<string, number>> {
  const [row] = await tasks.sql<Record<string, number>>(`
    select (select count(*)::int from task) as tasks, (select count(*)::int from task_event) as events,
      (select count(*)::int from session) as sessions, (select count(*)::int from project) as projects,
      (select count(*)::int from graphile_worker.jobs) as jobs,
      (select count(*)::int from idempotency_key) as keys`);
  return row as Record<string, number>;
}

const nothing = { tasks: 0, events: 0, sessions: 0, projects: 0, jobs: 0, keys: 0 };
const oneOfEach = { tasks: 1, events: 1, sessions: 1, projects: 1, jobs: 1, keys: 0 };

describe('createTask', () => {
  it('stores the task with its project, its first session, its first event and its job', async () => {
    const task = await tasks.create({ prompt: ' Fix the tests ', title: 'A title', baseRef: 'main' });
    expect(await counts()).toEqual(oneOfEach);
    expect(task).toMatchObject({
      revision: 1,
      prompt: ' Fix the tests ',
      provider: 'local',
      agent: 'demo',
      baseRef: 'main',
      project: { repoUrl, name: 'o/r' },
      state: { status: 'init_enqueue_provision', title: 'A title', branchName: null, sandbox: null },
    });
    expect(isId('task', task.id)).toBe(true);
    expect(task.state.sessions).toMatchObject([{ status: 'pending_provision', agent: 'demo', attempt: 0 }]);
    expect(await findTask(tasks.view, task.id)).toEqual(task);

    const [event] = await tasks.sql('select * from task_event');
    expect(event).toMatchObject({ task_id: task.id, revision: 1, kind: 'task.created' });
    const [job] = await tasks.sql('select * from graphile_worker.jobs');
    expect(job).toMatchObject({ task_identifier: 'provisionTask', key: `provision:${task.id}` });
    const [session] = await tasks.sql('select * from session');
    expect(session).toEqual({
      id: task.state.sessions[0].id,
      task_id: task.id,
      prompt: ' Fix the tests ',
    });
  });

  it('stores a given name in the row and in the event', async () => {
    await tasks.create();
    const [row] = await tasks.sql('select t.status, t.state = e.state as same from task t, task_event e');
    expect(row).toEqual({ status: 'init_enqueue_provision', same: true });
  });

  it.each([
    ['the job', 'graphile_worker._private_jobs'],
    ['the event', 'task_event'],
    ['the session', 'session'],
    ['the task', 'task'],
  ])('stores nothing when it cannot store %s', async (_what, table) => {
    await tasks.sql(`create or replace function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused by the test'; end $$`);
    await tasks.sql(
      `create trigger refused before insert on ${table} for each row execute function refuse()`,
    );
    try {
      await expect(tasks.create({ idempotencyKey: 'k' })).rejects.toThrow(/refused by the test/);
      expect(await counts()).toEqual(nothing);
    } finally {
      await tasks.sql(`drop trigger refused on ${table}`);
    }
    // And the key was not used up.
    await tasks.create({ idempotencyKey: 'k' });
    expect(await counts()).toEqual({ ...oneOfEach, keys: 1 });
  });

  it('finds one project for all spellings of its URL', async () => {
    const spellings = [
      'https://example.com/o/r',
      'https://example.com/o/r.git',
      'https://example.com/o/r/',
      'https://example.com/o/r.git/',
      'https://EXAMPLE.com:443/o/r',
      '  https://example.com/o/r ',
    ];
    const made = [];
    for (const spelling of spellings) made.push(await tasks.create({ repoUrl: spelling }));
    expect(new Set(made.map(({ project }) => project.id)).size).toBe(1);
    expect(made.map((task) => task.repoUrl)).toEqual(spellings.map((spelling) => spelling.trim()));
    expect(await counts()).toMatchObject({ tasks: spellings.length, projects: 1 });
  });

  it('makes one project when many tasks are created in it at the same moment', async () => {
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, index) => tasks.create({ prompt: `Task ${index}` })),
    );
    expect(new Set(made.map(({ project }) => project.id)).size).toBe(1);
    expect(new Set(made.map(({ id }) => id)).size).toBe(40);
    expect(await counts()).toMatchObject({ tasks: 40, events: 40, sessions: 40, projects: 1, jobs: 40 });
  });

  it('keeps what the client gave unchanged', async () => {
    const given = { branchName: 'feature/x', provider: 'other', agent: 'claude' };
    const task = await tasks.create(given);
    expect(task).toMatchObject({
      provider: 'other',
      agent: 'claude',
      state: { title: null, branchName: 'feature/x' },
    });
    expect(task.state.sessions[0].agent).toBe('claude');
  });

  it('treats null as left out', async () => {
    const empty = { title: null, branchName: null, baseRef: null, provider: null, agent: null };
    const task = await tasks.create({ ...empty, idempotencyKey: null });
    expect(task).toMatchObject({ provider: 'local', agent: 'demo', baseRef: null });
  });

  it('accepts a prompt of 100,000 characters of any kind', async () => {
    const prompt = `${'🌳\\\'"\u0001'.repeat(16_666)}`;
    const task = await tasks.create({ prompt });
    expect((await findTask(tasks.view, task.id))?.prompt).toBe(prompt);
  });
});

describe('createTask refuses', () => {
  it.each<[keyof CreateTaskInput, unknown]>([
    ['repoUrl', ''],
    ['repoUrl', 'no repository'],
    ['repoUrl', 'ext::sh -c x'],
    ['repoUrl', 'https://user:secret@example.com/o/r'],
    ['repoUrl', 'https://example.com/\0'],
    ['repoUrl', 'https://example.com/o/\ud800'],
    ['repoUrl', `https://example.com/${'x'.repeat(1_000_000)}`],
    ['prompt', ''],
    ['prompt', ' \n\t'],
    ['prompt', 'a\0b'],
    ['prompt', 'a\ud800b'],
    ['prompt', 'x'.repeat(100_001)],
    ['title', ''],
    ['title', ' '],
    ['title', 'two\nlines'],
    ['title', 'a\0b'],
    ['title', 'a\udfffb'],
    ['title', 'x'.repeat(201)],
    ['branchName', ''],
    ['branchName', '--force'],
    ['branchName', 'a..b'],
    ['branchName', 'HEAD'],
    ['branchName', 'a\0b'],
    ['branchName', 'a\ud800b'],
    ['branchName', 'x'.repeat(100_000)],
    ['baseRef', ''],
    ['baseRef', '--upload-pack=x'],
    ['baseRef', 'main:evil'],
    ['baseRef', 'a\0b'],
    ['provider', ''],
    ['provider', 'nobody'],
    ['provider', 'a\0b'],
    ['provider', 'constructor'],
    ['agent', ''],
    ['agent', '../agent'],
    ['agent', 'a b'],
    ['agent', 'a\0b'],
    ['agent', 'x'.repeat(65)],
    ['idempotencyKey', ''],
    ['idempotencyKey', 'a\0b'],
    ['idempotencyKey', 'a\ud800b'],
    ['idempotencyKey', 'x'.repeat(256)],
  ])('an invalid %s: %.60j', async (field, value) => {
    await expect(tasks.create({ [field]: value })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(await counts()).toEqual(nothing);
  });

  it('a path on the server unless the server allows paths', async () => {
    const offer = { ...tasks.taskDefaults, allowLocalRepos: false };
    for (const path of ['/srv/r', 'file:///srv/r']) {
      const input = { repoUrl: path, prompt: 'x' };
      const created = new TaskCreator(tasks.db, offer).create(tasks.view, input);
      await expect(created).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'repoUrl' });
    }
    expect((await tasks.create({ repoUrl: '/srv/r' })).project.name).toBe('r');
  });
});

describe('I10 an idempotency key', () => {
  it('makes one task for fifty concurrent calls and returns it to all', async () => {
    const made = await Promise.all(
      Array.from({ length: 50 }, () => tasks.create({ idempotencyKey: 'the same' })),
    );
    expect(made).toEqual(made.map(() => made[0]));
    expect(await counts()).toEqual({ ...oneOfEach, keys: 1 });
  });

  it('returns the task as it was created, whatever happened to it since', async () => {
    const task = await tasks.create({ idempotencyKey: 'k' });
    await tasks.change(task.id, started('ensure_name'), succeeded.ensure_name);
    expect(await tasks.create({ idempotencyKey: 'k' })).toEqual(task);
  });

  it('accepts the same input in another order or with null for left out', async () => {
    const task = await tasks.create({ idempotencyKey: 'k', title: 'T', agent: null });
    const again = await tasks.creator.create(tasks.view, {
      idempotencyKey: 'k',
      title: 'T',
      prompt: 'Fix the tests',
      repoUrl,
    });
    expect(again.id).toBe(task.id);
  });

  it.each<Partial<CreateTaskInput>>([
    { prompt: 'Something else' },
    { title: 'Another' },
    { baseRef: 'main' },
    { provider: 'other' },
  ])('with another input is a conflict: %j', async (other) => {
    await tasks.create({ idempotencyKey: 'k' });
    await expect(tasks.create({ idempotencyKey: 'k', ...other })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      field: 'idempotencyKey',
    });
    expect(await counts()).toEqual({ ...oneOfEach, keys: 1 });
  });

  it('leaves no project behind when it conflicts', async () => {
    await tasks.create({ idempotencyKey: 'k' });
    const other = { idempotencyKey: 'k', repoUrl: 'https://example.com/another/one' };
    await expect(tasks.create(other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(await counts()).toEqual({ ...oneOfEach, keys: 1 });
  });

  it('makes one task and conflicts when different inputs come at once', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        tasks.create({ idempotencyKey: 'k', prompt: `Prompt ${index % 2}` }),
      ),
    );
    const ids = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value.id : []));
    const reasons = settled.flatMap((each) => (each.status === 'rejected' ? each.reason.code : []));
    expect(ids).toHaveLength(10);
    expect(new Set(ids).size).toBe(1);
    expect(new Set(reasons)).toEqual(new Set(['IDEMPOTENCY_CONFLICT']));
    expect(await counts()).toEqual({ ...oneOfEach, keys: 1 });
  });

  it('belongs to one workspace', async () => {
    const other = 'workspace_01jd0000000000000000000000';
    await tasks.sql(`insert into workspace (id, name) values (?, 'Other') on conflict do nothing`, [other]);
    const input = { repoUrl, prompt: 'Fix the tests', idempotencyKey: 'k' };
    const mine = await tasks.create(input);
    const theirs = await tasks.creator.create(tasks.viewOf(other), input);
    expect(theirs.id).not.toBe(mine.id);
    expect(theirs.project.id).not.toBe(mine.project.id);
    expect(await findTask(tasks.view, theirs.id)).toBeNull();
  });
});
