import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { createEmptyDatabase, createTestDatabase } from './database.ts';

describe('createTestDatabase', () => {
  it('returns a migrated database that no other test uses', async () => {
    const databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
    const [first, second] = databases;
    await query(first.url, 'CREATE TABLE mine ()');
    const tables = `SELECT to_regclass('mine') IS NOT NULL AS mine,
                           to_regnamespace('graphile_worker') IS NOT NULL AS migrated`;
    expect(await query(first.url, tables)).toEqual([{ mine: true, migrated: true }]);
    expect(await query(second.url, tables)).toEqual([{ mine: false, migrated: true }]);
    await Promise.all(databases.map((database) => database.drop()));
  });

  it('returns a database whose drop rejects and names the connections that are still open', async () => {
    const database = await createEmptyDatabase();
    const client = new Client({ connectionString: database.url, application_name: 'forgotten' });
    const broken = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await client.query('SELECT 42');
    await expect(database.drop()).rejects.toThrow(
      /left 1 database connections open:\n {2}forgotten: SELECT 42/,
    );
    await broken;
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
