import { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatementNames } from '../../src/db/statement-names.ts';
import { type Database, openDatabase } from '../../src/tables/database.ts';
import { KyselyPool } from '../../src/tables/kysely-pool.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createEmptyDatabase();
  // One connection, so that it can be asked for its prepared statements.
  db = await openDatabase(database.url, { poolSize: 1 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

describe('KyselyPool', () => {
  it('prepares a statement with values once for a connection', async () => {
    for (const value of [1, 2, 3]) {
      expect(await execute('select $1::int as value', [value])).toEqual([{ value }]);
    }
    expect(await preparedTexts()).toContain('select $1::int as value');
  });

  it('prepares no statement without values', async () => {
    await execute('select 1 as nothing');
    expect(await preparedTexts()).not.toContain('select 1 as nothing');
  });

  it('reads instants as text', async () => {
    const rows = await execute("select '2026-01-02 03:04:05Z'::timestamptz as at");
    expect(rows).toEqual([{ at: '2026-01-02 03:04:05+00' }]);
  });

  it('leaves instants of the pool itself to be Dates, for Graphile Worker', async () => {
    const { rows } = await db.pool.query("select '2026-01-02 03:04:05Z'::timestamptz as at");
    expect(rows).toEqual([{ at: new Date('2026-01-02T03:04:05Z') }]);
  });

  it('prepares no more statements than there are names', async () => {
    const before = (await preparedTexts()).length;
    // With names of its own: those of the process would be used up for all test files after this one.
    const client = await new KyselyPool(db.pool, new StatementNames(2)).connect();
    for (let index = 0; index < 5; index += 1) {
      const { rows } = await client.query<{ sum: number }>(`select $1::int + ${index} as sum`, [1]);
      expect(rows).toEqual([{ sum: index + 1 }]);
    }
    client.release();
    expect((await preparedTexts()).length).toBe(before + 2);
  });
});

async function execute(text: string, values: unknown[] = []): Promise<unknown[]> {
  return (await db.kysely.executeQuery(CompiledQuery.raw(text, values))).rows;
}

async function preparedTexts(): Promise<string[]> {
  const rows = await execute('select statement from pg_prepared_statements');
  return rows.map((row) => (row as { statement: string }).statement);
}
