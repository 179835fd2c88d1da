import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addSession } from '../../../src/tasks/add-session.ts';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { findNodes } from '../../../src/tasks/find-node.ts';
import { deleteClosedTasks, deleteExpiredKeys } from '../../../src/tasks/store/retention.ts';
import { recordSandboxReleased } from '../../../src/tasks/store/sandbox-ledger.ts';
import { readTasks } from '../../../src/tasks/store/task-feed.ts';
import { cancelTask } from '../../../src/tasks/task-actions.ts';
import { createTaskToken } from '../../../src/tasks/tokens.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { eventsToRunning } from '../domain/machine-states.ts';

const retentionDays = 7;
let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
beforeEach(() =>
  tasks.sql(
    'truncate task, task_event, session, sandbox, api_token, login, webhook_delivery, idempotency_key, graphile_worker._private_jobs cascade',
  ),
);
afterAll(() => tasks[Symbol.asyncDispose]());

const deleteBatch = (limit = 100) => deleteClosedTasks(tasks.db, retentionDays, limit);
const cancel = (id: string) => cancelTask(tasks.view, id);
const age = (id: string, days: number) =>
  tasks.sql(
    `update task set created_at = aged.at, updated_at = aged.at
     from (select now() - ? * interval '1 day' as at) aged where id = ?`,
    [days, id],
  );

/** Rows in each table that belong to the task. */
async function rowsOf({ id }: Task): Promise<Record<string, number>> {
  const [row] = await tasks.sql<Record<string, number>>(
    `select
       (select count(*)::int from task where id = t.id) as tasks,
       (select count(*)::int from task_event where task_id = t.id) as events,
       (select count(*)::int from session where task_id = t.id) as sessions,
       (select count(*)::int from sandbox where task_id = t.id) as sandboxes,
       (select count(*)::int from graphile_worker.jobs where key in ('provision:' || t.id, 'release:' || ?)) as jobs
     from (select ?::text as id) t`,
    [sandboxKey(id), id],
  );
  return row as Record<string, number>;
}
const none = { tasks: 0, events: 0, sessions: 0, sandboxes: 0, jobs: 0 };

/** A task that was RUNNING, with two sessions and a sandbox that is released, and was canceled so many days ago. */
async function canceledTask(days: number, input: Parameters<StoredTasks['create']>[0] = {}): Promise<Task> {
  const task = await tasks.create(input);
  await tasks.change(task.id, ...eventsToRunning(task));
  await addSession(tasks.view, { taskId: task.id });
  await createTaskToken(tasks.view, { taskId: task.id });
  await cancel(task.id);
  const key = sandboxKey(task.id);
  await recordSandboxReleased(tasks.db, {
    key,
    taskId: task.id,
    provider: 'local',
    location: null,
    failures: 0,
  });
  await age(task.id, days);
  return task;
}

describe('deleteClosedTasks', () => {
  it('deletes a task that was closed longer ago, with all that belongs to it', async () => {
    const task = await canceledTask(8);
    expect(await rowsOf(task)).toEqual({
      tasks: 1,
      events: expect.any(Number),
      sessions: 2,
      sandboxes: 1,
      jobs: 2,
    });
    expect(await deleteBatch()).toBe(1);
    expect(await rowsOf(task)).toEqual(none);
  });

  it('keeps the project of a deleted task', async () => {
    const task = await canceledTask(8);
    await deleteBatch();
    expect(await findNodes(tasks.view, [task.project.id])).toMatchObject([{ id: task.project.id }]);
  });

  it('keeps all rows of a task that was closed more recently', async () => {
    const task = await canceledTask(6);
    const before = await rowsOf(task);
    expect(await deleteBatch()).toBe(0);
    expect(await rowsOf(task)).toEqual(before);
  });

  it('keeps all rows of a task that is not closed', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, ...eventsToRunning(task));
    await age(task.id, 1_000);
    const before = await rowsOf(task);
    expect(await deleteBatch()).toBe(0);
    expect(await rowsOf(task)).toEqual(before);
  });

  it('keeps a closed task while its sandbox is not released', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, ...eventsToRunning(task));
    await cancel(task.id);
    await age(task.id, 1_000);
    expect(await deleteBatch()).toBe(0);
    expect(await rowsOf(task)).toMatchObject({ tasks: 1, sandboxes: 1 });
  });

  it('deletes a closed task that never had a sandbox', async () => {
    const task = await tasks.create();
    await cancel(task.id);
    await age(task.id, 8);
    expect(await deleteBatch()).toBe(1);
    expect(await rowsOf(task)).toEqual(none);
  });

  it('deletes no more tasks than its limit, the ones that were created first', async () => {
    const [second, first, third] = [await canceledTask(20), await canceledTask(30), await canceledTask(10)];
    expect(await deleteBatch(2)).toBe(2);
    expect((await readTasks(tasks.db, [first.id, second.id, third.id])).map(({ id }) => id)).toEqual([
      third.id,
    ]);
  });

  it('keeps a task that was created long ago and closed more recently', async () => {
    const task = await canceledTask(8);
    await tasks.sql('update task set updated_at = now() where id = ?', [task.id]);
    expect(await deleteBatch()).toBe(0);
  });

  it('needs no index on a column that every revision changes', async () => {
    const indexed = await tasks.sql(
      `select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
       where indrelid = 'task'::regclass and attname in ('revision', 'updated_at')`,
    );
    expect(indexed).toEqual([]);
  });

  it('leaves a task out that is being written to, and does not wait for it', async () => {
    const [busy, idle] = [await canceledTask(9), await canceledTask(8)];
    await tasks.db.transaction(async (writer) => {
      await writer.em().execute('update task set updated_at = updated_at where id = ?', [busy.id]);
      expect(await deleteBatch()).toBe(1);
      expect(await rowsOf(idle)).toEqual(none);
    });
    expect(await rowsOf(busy)).toMatchObject({ tasks: 1, sessions: 2, sandboxes: 1 });
    expect(await deleteBatch()).toBe(1);
  });

  it('lets tasks of the same project be created and changed while it runs', async () => {
    const closed: Task[] = [];
    for (let each = 0; each < 20; each += 1) closed.push(await canceledTask(8));
    const written: Task[] = [];
    let deleting = true;
    const writing = (async () => {
      while (deleting) {
        const task = await tasks.create();
        written.push(await tasks.change(task.id, ...eventsToRunning(task)));
      }
    })();
    let deleted = 0;
    while (deleted < closed.length) deleted += await deleteBatch(3);
    deleting = false;
    await writing;
    expect(written.length).toBeGreaterThan(0);
    expect(
      await readTasks(
        tasks.db,
        closed.map(({ id }) => id),
      ),
    ).toEqual([]);
    const kept = await readTasks(
      tasks.db,
      written.map(({ id }) => id),
    );
    expect(new Map(kept.map((task) => [task.id, task]))).toEqual(
      new Map(written.map((task) => [task.id, task])),
    );
  });

  it('keeps a task whose sandbox exists again at that moment', async () => {
    const task = await canceledTask(8);
    const before = await rowsOf(task);
    let deleting: Promise<number> | undefined;
    await tasks.db.transaction(async (late) => {
      await late.em().execute(`update sandbox set state = 'releasing' where task_id = ?`, [task.id]);
      deleting = deleteBatch();
      deleting.catch(() => {});
      await waitFor(
        async () =>
          (
            await tasks.sql(
              `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
            )
          ).length > 0,
      );
    });
    await expect(deleting).rejects.toThrow();
    expect(await rowsOf(task)).toEqual(before);
  });
});

it('deletes what was said in the sessions of a closed task, and nothing of others', async () => {
  const tables = ['conversation', 'transcript_item', 'transcript_chunk', 'prompt', 'agent_request'];
  const talk = async (task: Task) => {
    const session = task.state.sessions[0].id;
    await tasks.sql(`insert into conversation (session_id, task_id, connection) values (?, ?, '{}')`, [
      session,
      task.id,
    ]);
    await tasks.sql(
      `insert into transcript_item (session_id, position, id, sequence, kind, data, text, is_complete, created_at, updated_at)
       values (?, 1, ?, 1, 'agent_message', '{}', 'Hello', false, now(), now())`,
      [session, `item_of_${session}`],
    );
    await tasks.sql(
      `insert into transcript_chunk (session_id, sequence, position, text_offset, text) values (?, 2, 1, 5, '!')`,
      [session],
    );
    await tasks.sql(
      `insert into agent_request (id, session_id, workspace_id, launch, rpc_id, title, options, state, created_at)
       select ?, ?, workspace_id, 1, '1', 'Delete', '[]', 'canceled', now() from task where id = ?`,
      [`request_of_${session}`, session, task.id],
    );
    return session;
  };
  const closed = await talk(await canceledTask(8));
  const kept = await talk(await canceledTask(1));
  const left = async (session: string) => {
    const counts = tables.map(
      (table) => `(select count(*)::int from ${table} where session_id = '${session}')`,
    );
    const [row] = await tasks.sql<{ counts: number[] }>(`select array[${counts.join(', ')}] as counts`);
    return row?.counts;
  };
  expect(await left(closed)).toEqual([1, 1, 1, 1, 1]);
  expect(await deleteBatch()).toBe(1);
  expect(await left(closed)).toEqual([0, 0, 0, 0, 0]);
  expect(await left(kept)).toEqual([1, 1, 1, 1, 1]);
});

describe('a deleted task', () => {
  it('is not found, and neither are its sessions and events', async () => {
    const task = await canceledTask(8);
    const [event] = await tasks.sql<{ id: string }>('select id from task_event where task_id = ?', [task.id]);
    const ids = [task.id, task.state.sessions[0].id, event?.id as string];
    expect(await findNodes(tasks.view, ids)).not.toContain(null);
    await deleteBatch();
    expect(await findNodes(tasks.view, ids)).toEqual([null, null, null]);
    await expect(cancel(task.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(addSession(tasks.view, { taskId: task.id })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('is not created a second time under its idempotency key', async () => {
    const input = { idempotencyKey: 'the key of a deleted task' };
    const task = await canceledTask(8, input);
    expect((await tasks.create(input)).id).toBe(task.id);
    await deleteBatch();
    await expect(tasks.create(input)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      field: 'idempotencyKey',
      message: 'The task that was created with this idempotency key was deleted.',
    });
  });
});

describe('deleteExpiredKeys', () => {
  const keys = async () =>
    (await tasks.sql<{ key: string }>('select key from idempotency_key order by key')).map(({ key }) => key);

  it('deletes keys that are older than two days, at most its limit', async () => {
    for (const idempotencyKey of ['a', 'b', 'c', 'd']) await tasks.create({ idempotencyKey });
    const ages = { a: '47 hours', b: '49 hours', c: '50 hours', d: '51 hours' };
    for (const [key, interval] of Object.entries(ages)) {
      await tasks.sql('update idempotency_key set created_at = now() - ?::interval where key = ?', [
        interval,
        key,
      ]);
    }
    expect(await deleteExpiredKeys(tasks.db, 2)).toBe(2);
    expect(await keys()).toEqual(['a', 'b']);
    expect(await deleteExpiredKeys(tasks.db, 2)).toBe(1);
    expect(await keys()).toEqual(['a']);
  });
});
