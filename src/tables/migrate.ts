import { MikroORM } from '@mikro-orm/postgresql';
import { runMigrations } from 'graphile-worker';
import { Client } from 'pg';
import { applicationName } from '../db/connection.ts';
import { ormOptions } from './orm.ts';

/** Only one process migrates at a time. Any number works that no other program on the database locks. */
const migrationLock = 4_713_002_111;

/** Brings the database up to date: Graphile Worker's schema, then ours. Many processes may call it at once. */
export async function migrate(url: string): Promise<void> {
  const client = new Client({ connectionString: url, application_name: `${applicationName} migrate` });
  await client.connect();
  try {
    await requireVersion(client);
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await runMigrations({ connectionString: url, maxPoolSize: 2 });
    const orm = await MikroORM.init(ormOptions(url, 2));
    try {
      await orm.migrator.up();
    } finally {
      await orm.close(true);
    }
  } finally {
    // Ends the session, and the lock with it.
    await client.end();
  }
}

async function requireVersion(client: Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  const version = Number(rows[0]?.server_version_num);
  if (version < 150_000) {
    throw new Error(`PostgreSQL 15 or later is needed; this one is ${Math.floor(version / 10_000)}`);
  }
}
