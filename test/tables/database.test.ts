import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/tables/database.ts';
import { createTestDatabase } from '../support/database.ts';
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
