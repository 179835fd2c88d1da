import { randomBytes } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { inject } from 'vitest';
import { template } from './model-cluster.ts';
import { waitFor } from './wait-for.ts';

export interface TestDatabase {
  readonly url: string;
  /** Rejects when connections are still open: the test has left a pool or a process running. */
  drop(): Promise<void>;
}

const connectionsGoneMs = 3_000;

/** Creates a migrated database that no other test uses. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createFrom(template);
}

/** Creates a database with nothing in it, for tests of the migrations. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createFrom('template0');
}

async function createFrom(source: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  // Half of the processor time of the usual way, which writes each page into the log, too.
  await asAdmin((admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${source} STRATEGY FILE_COPY`));
  return { url: urlOf(name), drop: () => asAdmin((admin) => dropDatabase(admin, name)) };
}

async function dropDatabase(admin: PoolClient, name: string): Promise<void> {
  const connections = async () => {
    const { rows } = await admin.query<{ application_name: string; query: string }>(
      // Autovacuum connects to the database too.
      `SELECT application_name, query FROM pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend'`,
      [name],
    );
    return rows;
  };
  await waitFor(async () => (await connections()).length === 0, connectionsGoneMs).catch(() => {});
  const open = await connections();
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  if (open.length > 0) {
    const list = open.map((row) => `  ${row.application_name || 'unnamed'}: ${row.query}`).join('\n');
    throw new Error(`the test left ${open.length} database connections open:\n${list}`);
  }
}

function urlOf(name: string): string {
  const url = new URL(inject('adminUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

/** Kept for all files of a process: to open a connection takes longer than what is asked of it. */
let admins: Pool | undefined;

async function asAdmin<T>(work: (admin: PoolClient) => Promise<T>): Promise<T> {
  admins ??= new Pool({
    connectionString: inject('adminUrl'),
    application_name: 'tests',
    idleTimeoutMillis: 0,
    allowExitOnIdle: true,
  });
  const admin = await admins.connect();
  try {
    return await work(admin);
  } finally {
    admin.release();
  }
}
