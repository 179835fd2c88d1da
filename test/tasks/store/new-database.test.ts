import { expect, it } from 'vitest';
import { openDatabase } from '../../../src/tables/database.ts';
import { TaskCreator } from '../../../src/tasks/create-task.ts';
import { readFreeTasks, requeueOverdueTasks } from '../../../src/tasks/store/task-leases.ts';
import { View } from '../../../src/tasks/store/view/view.ts';
import { range } from '../../support/range.ts';
import { repoUrl, StoredTasks } from '../../support/stored-tasks.ts';

it('a create reads no table as a whole, however much was stored since its statement was planned', async () => {
  await using stored = await StoredTasks.create();
  await using parts = new AsyncDisposableStack();
  // One connection, so one plan.
  const db = parts.adopt(await openDatabase(stored.url, { poolSize: 1 }), (each) => each.close());
  const creator = new TaskCreator(db, stored.taskDefaults);
  const create = () => creator.create(new View(db, stored.viewer), { repoUrl, prompt: 'Fix the tests' });
  const rowsRead = async () => {
    await db.em().execute('select pg_stat_force_next_flush()');
    const rows: { name: string; rows: string }[] = await db
      .em()
      .execute(
        'select relname as name, seq_tup_read as rows from pg_stat_user_tables where seq_tup_read > 0',
      );
    return Object.fromEntries(rows.map(({ name, rows }) => [name, Number(rows)]));
  };
  // From the sixth call on PostgreSQL keeps its plan.
  for (const _ of range(1, 10)) await create();
  const before = await rowsRead();
  await Promise.all(range(1, 300).map(create));
  for (const _ of range(1, 10)) await create();
  expect(await rowsRead()).toEqual(before);
});

it('the look for overdue tasks reads no other jobs than theirs', async () => {
  await using stored = await StoredTasks.create();
  await using parts = new AsyncDisposableStack();
  // One connection, which counts what it reads itself: the counters of others arrive a second late.
  const db = parts.adopt(await openDatabase(stored.url, { poolSize: 1 }), (each) => each.close());
  const creator = new TaskCreator(db, stored.taskDefaults);
  const tasks = 50;
  for (const _ of range(1, tasks)) {
    await creator.create(new View(db, stored.viewer), { repoUrl, prompt: 'Fix the tests' });
  }
  await stored.sql(`update task set wake_at = now() - interval '1 minute'`);
  const jobsRead = async () => {
    await db.em().execute('select pg_stat_force_next_flush()');
    const [row]: { rows: string }[] = await db
      .em()
      .execute(
        `select seq_tup_read + idx_tup_fetch as rows from pg_stat_user_tables where relname = '_private_jobs'`,
      );
    return Number(row?.rows);
  };
  const before = await jobsRead();
  expect(await requeueOverdueTasks(db)).toEqual([]);
  expect((await jobsRead()) - before).toBeLessThanOrEqual(tasks);
});

it('the read of a task to lease reads no other tasks that wait', async () => {
  await using stored = await StoredTasks.create();
  await using parts = new AsyncDisposableStack();
  const db = parts.adopt(await openDatabase(stored.url, { poolSize: 1 }), (each) => each.close());
  const creator = new TaskCreator(db, stored.taskDefaults);
  const view = new View(db, stored.viewer);
  const tasks = await Promise.all(
    range(1, 300).map(() => creator.create(view, { repoUrl, prompt: 'Fix the tests' })),
  );
  const entriesRead = async () => {
    await db.em().execute('select pg_stat_force_next_flush()');
    const [row]: { entries: string }[] = await db
      .em()
      .execute(`select sum(idx_tup_read) as entries from pg_stat_user_indexes where relname = 'task'`);
    return Number(row?.entries);
  };
  const before = await entriesRead();
  for (const { id } of tasks.slice(0, 20))
    expect(await readFreeTasks(db, [id])).toMatchObject([{ task: { id } }]);
  expect((await entriesRead()) - before).toBeLessThanOrEqual(20);
});
