import { Client } from 'pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/tables/database.ts';
import { entities } from '../../src/tables/entities.ts';
import { migrate } from '../../src/tables/migrate.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { rejection } from '../support/rejection.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

test('the migrations make exactly the tables that the entities describe', async () => {
  await using tasks = await StoredTasks.create();
  const tables = await tasks.sql<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'groundcrew_migration'`,
  );
  expect(entities.map(({ meta }) => meta.tableName).sort()).toEqual(tables.map(({ name }) => name).sort());
  expect(await tasks.db.orm.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
  expect(await tasks.db.orm.migrator.checkSchema()).toBe(false);
});

test('many processes migrate an empty database at once, and a later one changes nothing', async () => {
  const database = await createEmptyDatabase();
  await Promise.all(Array.from({ length: 5 }, () => migrate(database.url)));
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const state = async () => {
    const { rows } = await client.query(
      `select (select count(*)::int from workspace) as workspaces,
         (select json_agg(name) from groundcrew_migration) as migrations`,
    );
    return rows[0];
  };
  try {
    const before = await state();
    expect(before).toEqual({
      workspaces: 1,
      migrations: [
        'migration-001-tasks',
        'migration-002-requested-sandboxes',
        'migration-003-retention',
        'migration-004-worker-process',
        'migration-005-sandbox-location',
        'migration-006-tokens',
        'migration-007-worker-locations',
        'migration-008-rate-limits',
        'migration-009-logins',
        'migration-010-webhooks',
        'migration-011-conversations',
        'migration-012-room-of-workspaces',
        'migration-013-agent-ends',
        'migration-014-unknown-prompts',
        'migration-015-branch-names',
        'migration-016-short-list-of-words',
        'migration-017-words-apart',
        'migration-018-deliveries-by-statement',
        'migration-019-fewer-looks-for-names',
      ],
    });
    await migrate(database.url);
    expect(await state()).toEqual(before);
  } finally {
    await client.end();
    await database.drop();
  }
});

test('ids are compared by their bytes in every locale of the database', async () => {
  await using tasks = await StoredTasks.create();
  const columns = await tasks.sql<{ name: string }>(
    `select table_name || '.' || column_name as name from information_schema.columns
     where table_schema = 'public' and table_name in ('workspace', 'project', 'task', 'task_event', 'session')
       and (column_name = 'id' or column_name like '%\\_id') and collation_name is distinct from 'C'`,
  );
  expect(columns).toEqual([]);
});

test('the migrator has nothing left to do after a migration', async () => {
  await using tasks = await StoredTasks.create();
  const db = await openDatabase(tasks.url, { poolSize: 1 });
  expect(await db.orm.migrator.getPending()).toEqual([]);
  await db.close();
});

test('a migration that loses a connection ends, whichever statement it is', async () => {
  const database = await createTestDatabase();
  await using proxy = await startPostgresProxy(database.url);
  await migrate(proxy.url);
  const statements = proxy.queries.length;
  expect(proxy.queries).toContain('commit');
  for (let statement = 1; statement <= statements; statement += 1) {
    proxy.queries.length = 0;
    proxy.cutsAt = (_, number) => number === statement;
    expect(await rejection(migrate(proxy.url)), proxy.queries.at(-1)).toBeInstanceOf(Error);
  }
  proxy.cutsAt = () => false;
  await migrate(proxy.url);
  await database.drop();
});
