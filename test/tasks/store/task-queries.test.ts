import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fill } from '../../../bench/million/fill.ts';
import { openDatabase } from '../../../src/tables/database.ts';
import type { PageArguments } from '../../../src/tasks/domain/pagination.ts';
import {
  pageEventsOfTasks,
  pageProjects,
  pageTasks,
  pageTasksOfProjects,
  type TaskFilter,
} from '../../../src/tasks/store/view/task-queries.ts';
import { View } from '../../../src/tasks/store/view/view.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { started } from '../domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

it('prepares as many statements for a hundred page sizes as for one', async () => {
  const db = await openDatabase(tasks.url, { poolSize: 1 });
  try {
    const task = await tasks.create();
    const view = new View(db, tasks.viewer);
    const read = async (first: number) => {
      await pageTasks(view, { status: ['running'], search: `words ${first}` }, { first });
      await pageEventsOfTasks(view, [task], { first });
      await pageProjects(view, { first });
    };
    const prepared = async () => {
      const rows = await db.em().execute('select count(*)::int as count from pg_prepared_statements');
      return rows[0]?.count;
    };
    await read(1);
    const before = await prepared();
    expect(before).toBeGreaterThan(0);
    for (let size = 2; size <= 100; size += 1) await read(size);
    expect(await prepared()).toBe(before);
  } finally {
    await db.close();
  }
});

it('stores the words of a task once, until a title has others', async () => {
  const { id } = await tasks.create({ prompt: `Mend ${'a long prompt '.repeat(20)}` });
  const stored = () => tasks.sql('select xmin::text as transaction from task_search where task_id = ?', [id]);
  const before = await stored();
  await tasks.change(id, started('ensure_name'), {
    type: 'nameSettled',
    title: 'Mend a long prompt a long…',
    branchName: 'b',
  });
  await tasks.change(id, started('create_sandbox'));
  expect(await stored()).toEqual(before);
  await tasks.sql(`update task set state = jsonb_set(state, '{title}', '"Another"') where id = ?`, [id]);
  expect(await stored()).not.toEqual(before);
  expect((await pageTasks(tasks.view, { search: 'another prompt' }, {})).nodes).toMatchObject([{ id }]);
});

describe('the pages of a thousand tasks, from either end, have every task that the filter asks for once and in order', () => {
  let many: StoredTasks;
  beforeAll(async () => {
    many = await StoredTasks.create();
    const model = await many.create();
    await fill(many.url, { tasks: 1_000, eventsPerTask: 1 }, model.id);
  });
  afterAll(() => many[Symbol.asyncDispose]());

  const some = 'project_01000000000000000000000003';
  it.each<[filter: TaskFilter, condition: string]>([
    [{}, 'true'],
    [{ status: ['running'] }, `status = 'running'`],
    [{ status: ['running', 'error', 'running'] }, `status in ('running', 'error')`],
    [{ status: [] }, 'false'],
    [{ projectId: some }, `project_id = '${some}'`],
    [
      { projectId: some, status: ['archived', 'error'] },
      `project_id = '${some}' and status in ('archived', 'error')`,
    ],
    // Every twenty-fifth task, the last one beyond those that a search looks through.
    [{ search: 'rare7 fix' }, `prompt like '%rare7'`],
    [{ search: 'rare7', status: ['archived'] }, `prompt like '%rare7' and status = 'archived'`],
    [{ search: 'rare7', projectId: some }, `prompt like '%rare7' and project_id = '${some}'`],
    [{ search: 'common' }, `prompt like '%common%'`],
    [
      { search: 'common', status: ['error', 'running'] },
      `prompt like '%common%' and status in ('error', 'running')`,
    ],
    [{ search: 'nowhere' }, 'false'],
  ])('with the filter %j', async (filter, condition) => {
    await expectPages(many, filter, condition);
  });
});

it('the pages of a search have every task with a word that thousands have, though none of the newest and none of the oldest', async () => {
  await using stored = await StoredTasks.create();
  const model = await stored.create();
  await fill(stored.url, { tasks: 4_500, eventsPerTask: 1 }, model.id);
  const [newest, oldest] = ['task_01000000000000000000004000', 'task_01000000000000000000000500'];
  await stored.sql(
    `update task set state = jsonb_set(state, '{title}', '"Between"') where id < '${newest}' and id > '${oldest}' and id ~ '[0-6]$'`,
  );
  for (const [filter, status] of [
    [{}, 'true'],
    [{ status: ['archived', 'canceled'] }, `status in ('archived', 'canceled')`],
  ] as const) {
    await expectPages(
      stored,
      { search: 'between', ...filter },
      `state ->> 'title' = 'Between' and ${status}`,
    );
  }
});

/** All pages, from either end, together have the tasks of that condition, once and in order. */
async function expectPages(stored: StoredTasks, filter: TaskFilter, condition: string): Promise<void> {
  const expected = (
    await stored.sql<{ id: string }>(`select id from task where ${condition} order by id desc`)
  ).map(({ id }) => id);
  const view = new View(stored.db, stored.viewer);
  const { projectId, ...others } = filter;
  const read = async (page: PageArguments) =>
    projectId == null
      ? pageTasks(view, filter, page)
      : (await pageTasksOfProjects(view, [projectId], others, page))[0];
  const forward: string[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await read({ first: 30, after });
    forward.push(...(page?.nodes ?? []).map(({ id }) => id));
    after = page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  }
  expect(forward).toEqual(expected);
  const backward: string[] = [];
  for (let before: string | null | undefined; before !== null; ) {
    const page = await pageTasks(view, filter, { last: 100, before });
    backward.unshift(...page.nodes.map(({ id }) => id));
    before = page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null;
  }
  expect(backward).toEqual(expected);
}
