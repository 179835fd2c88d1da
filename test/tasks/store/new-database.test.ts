import { expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/tables/database.ts';
import { TaskCreator } from '../../../src/tasks/create-task.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { readFreeTasks, requeueOverdueTasks } from '../../../src/tasks/store/task-leases.ts';
import type { TaskWrite } from '../../../src/tasks/store/task-write.ts';
import { View } from '../../../src/tasks/store/view/view.ts';
import { writeUnlockedTasks } from '../../../src/tasks/store/write-task.ts';
import { range } from '../../support/range.ts';
import { repoUrl, StoredTasks } from '../../support/stored-tasks.ts';
import { eventsToRunning } from '../domain/machine-states.ts';

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
  const before = await entriesRead(db, 'task');
  for (const { id } of tasks.slice(0, 20))
    expect(await readFreeTasks(db, [id])).toMatchObject([{ task: { id } }]);
  expect((await entriesRead(db, 'task')) - before).toBeLessThanOrEqual(20);
});

it('the changes of a task read no prompts of others, though no prompt waited when PostgreSQL last looked', async () => {
  await using stored = await StoredTasks.create();
  const create = () => Promise.all(range(1, 500).map(() => stored.create()));
  await create();
  await stored.sql(`update prompt set state = 'done'`);
  await stored.sql('vacuum analyze');
  const tasks = await create();
  await using parts = new AsyncDisposableStack();
  const db = parts.adopt(await openDatabase(stored.url, { poolSize: 1 }), (each) => each.close());
  const before = await entriesRead(db, 'prompt');
  // As a worker writes. Whom a provider leaves the prompt to has got it with the session.
  const write = async (each: TaskWrite) => (await writeUnlockedTasks(db, [each]))[0] ?? null;
  for (const task of tasks.slice(0, 10)) {
    for (const event of eventsToRunning(task)) {
      const change = { event: event.type === 'sessionOpened' ? { ...event, isFollowed: false } : event };
      await changeTask(db, task.id, change, undefined, { write });
    }
  }
  for (const task of tasks.slice(10, 20)) await changeTask(db, task.id, { event: { type: 'taskCanceled' } });
  expect((await entriesRead(db, 'prompt')) - before).toBeLessThanOrEqual(10 * 10);
});

/** Of all indexes of the table, by this one connection so far. */
async function entriesRead(db: Database, table: string): Promise<number> {
  await db.em().execute('select pg_stat_force_next_flush()');
  const [row]: { entries: string }[] = await db
    .em()
    .execute('select sum(idx_tup_read) as entries from pg_stat_user_indexes where relname = ?', [table]);
  return Number(row?.entries);
}
