import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followConversations } from '../../../src/tasks/store/conversations.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';

let tasks: StoredTasks;
let workers = 0;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

async function newWorker(): Promise<string> {
  const id = `worker ${++workers}`;
  await tasks.addWorker(id);
  return id;
}

/** Stores a session that is open, and that nobody follows. */
async function openSession(): Promise<string> {
  const { id } = await tasks.create();
  const [row] = await tasks.sql<{ session_id: string }>(
    `insert into conversation (session_id, task_id, connection)
     select id, task_id, '{}' from session where task_id = ? returning session_id`,
    [id],
  );
  return row?.session_id as string;
}

const take = async (workerId: string, limit: number) =>
  (await followConversations(tasks.db, workerId, [], limit)).map(({ lease }) => lease.sessionId);
const followersOf = () =>
  tasks.sql<{ session_id: string; followed_by: string; epoch: number }>(
    'select session_id, followed_by, epoch from conversation order by session_id',
  );

describe('I16 followConversations', () => {
  it('gives each session to one of many workers that ask at the same time', async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, openSession));
    const ids = await Promise.all(Array.from({ length: 10 }, newWorker));
    const taken = await Promise.all(ids.map((id) => take(id, 20)));
    expect(taken.flat().sort()).toEqual(sessions.sort());
    const expected = sessions.map((session_id) => ({
      session_id,
      followed_by: ids.find((_id, index) => taken[index]?.includes(session_id)),
      epoch: 1,
    }));
    expect(await followersOf()).toMatchObject(expected);
  });

  it('gives a session to one of two workers that have both found it free', async () => {
    const session = await openSession();
    const [first, second] = [await newWorker(), await newWorker()];
    const late = await tasks.db.kysely.transaction().execute(async (transaction) => {
      // The second one has begun to look, and waits for its own row.
      await sql`select from worker where id = ${second} for update`.execute(transaction);
      const looking = take(second, 1);
      await waitFor(async () => {
        const waiting = await tasks.sql(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return waiting.length === 1;
      });
      expect(await take(first, 1)).toEqual([session]);
      return { looking };
    });
    expect(await late.looking).toEqual([]);
    expect(await followersOf()).toContainEqual({ session_id: session, followed_by: first, epoch: 1 });
  });
});
