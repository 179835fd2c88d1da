import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../../src/tables/database.ts';
import { pageEventsOfTasks, pageProjects, pageTasks } from '../../../src/tasks/store/view/task-queries.ts';
import { View } from '../../../src/tasks/store/view/view.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';

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
