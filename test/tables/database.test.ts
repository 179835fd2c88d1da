import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/tables/database.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait-for.ts';

it('a database that is closed while a statement waits for its connection lets the statement run first', async () => {
  await using stack = new AsyncDisposableStack();
  const test = stack.adopt(await createTestDatabase(), (each) => each.drop());
  const db = await openDatabase(test.url, { poolSize: 1 });
  const waiting = sql<{ one: number }>`select 1 as one`.execute(db.kysely);
  await waitFor(() => db.pool.totalCount === 1);
  await db.close();
  expect((await waiting).rows).toEqual([{ one: 1 }]);
});

describe('a deadlock, which PostgreSQL resolves by taking back', () => {
  const raise = (id: number) => `update counter set count = count + 1 where id = ${id}`;
  /** Locks both rows, in the other order than `other` does. */
  const raiseBoth = `do $$ begin ${raise(2)}; ${raise(1)}; end $$`;
  let database: TestDatabase;
  let db: Database;
  let other: Client;
  beforeAll(async () => {
    database = await createEmptyDatabase();
    db = await openDatabase(database.url, { poolSize: 1 });
    other = new Client(database.url);
    await other.connect();
    // Whoever looks for a deadlock is taken back: never this one.
    await other.query(`set deadlock_timeout = '1h'`);
    await other.query('create table counter (id int primary key, count int not null)');
  });
  beforeEach(async () => {
    await other.query('truncate counter');
    await other.query('insert into counter values (1, 0), (2, 0), (3, 0)');
  });
  afterAll(async () => {
    await other.end();
    await db.close();
    await database.drop();
  });

  /** Has `work` wait for the first row while it holds the second one, which is waited for in turn. Resolves with the counts. */
  async function meet(work: () => Promise<unknown>): Promise<number[]> {
    await other.query('begin');
    await other.query(raise(1));
    const worked = work();
    worked.catch(() => {});
    await waitFor(async () => {
      // Else a transaction sees only what there was at its first look.
      await other.query('select pg_stat_clear_snapshot()');
      const { rowCount } = await other.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });
    await other.query(raise(2));
    await other.query('commit');
    await worked;
    const { rows } = await other.query<{ count: number }>('select count from counter order by id');
    return rows.map(({ count }) => count);
  }

  it('a statement, has that sent again', async () => {
    expect(await meet(() => sql.raw(raiseBoth).execute(db.kysely))).toEqual([2, 2, 0]);
  });

  it('a statement of Graphile Worker, which has a connection of the pool, has that sent again', async () => {
    const client = await db.pool.connect();
    try {
      expect(await meet(() => client.query(raiseBoth))).toEqual([2, 2, 0]);
    } finally {
      client.release();
    }
  });

  it('a transaction, has the whole of it done again', async () => {
    const work = () =>
      db.transaction(async ({ kysely }) => {
        await sql.raw(raise(3)).execute(kysely);
        await sql.raw(raiseBoth).execute(kysely);
      });
    expect(await meet(work)).toEqual([2, 2, 1]);
  });
});
