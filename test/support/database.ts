import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
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

async function dropDatabase(admin: Client, name: string): Promise<void> {
  const connections = async () => {
    const { rows } = await admin.query<{ application_name: string; query: string }>(
      'SELECT application_name, query FROM pg_stat_activity WHERE datname = $1',
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

async function asAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client(inject('adminUrl'));
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
