import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, QueryResultRow } from 'pg';
import {
  type ConnectionNeeds,
  checkServer,
  refuseTransactionPooling,
  UnsuitableDatabaseError,
} from '../../db/check-server.ts';
import { ReadOnlyDatabaseError } from '../../db/connection-error.ts';
import { ownerOf, readConnectionLimits } from '../../db/connection-limits.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const migrationTable = 'groundcrew_migration';
/** A migration has the name of its file. */
const migrationsFolder = join(import.meta.dirname, '../../tables/migrations');

/** Connections that npm start takes with the default of GROUNDCREW_DB_POOL. */
const needed = 14;
/** With fewer it does not get ready. */
const needs: ConnectionNeeds = { command: 'npm start', connections: 6 };

const listenTimeoutMs = 2_000;
const channel = 'groundcrew_doctor';

/** Seconds that the clocks may differ. */
const maxSkew = 1;

/** What the start looks at, too. */
export async function checkSuitable(client: Client): Promise<Finding> {
  return (await problemOf(() => checkServer(client, needs))) ?? ok(await nameServer(client));
}

async function nameServer(client: Client): Promise<string> {
  const { version, encoding } = await one<{ version: string; encoding: string }>(
    client,
    `select current_setting('server_version') as version, current_setting('server_encoding') as encoding`,
  );
  return `PostgreSQL ${version} with encoding ${encoding} is suitable.`;
}

/** The problem that makes the check throw; undefined when there is none. */
async function problemOf(check: () => Promise<void>): Promise<Finding | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (error instanceof ReadOnlyDatabaseError) {
      return problem(
        'The database is read-only.',
        'Connect to the primary, or set default_transaction_read_only to off.',
      );
    }
    if (!(error instanceof UnsuitableDatabaseError)) throw error;
    return problem(`${capitalized(error.reason)}.`, error.remedy);
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export async function checkEncryption(client: Client): Promise<Finding> {
  const { ssl, local } = await one<{ ssl: boolean; local: boolean }>(
    client,
    `select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as ssl,
       inet_server_addr() is null or inet_server_addr() <<= '127.0.0.0/8' or inet_server_addr() = '::1' as local`,
  );
  if (ssl) return ok('The connection is encrypted.');
  if (local) return ok('The connection is not encrypted, and stays on this machine.');
  return warning(
    'The connection is not encrypted, and leaves this machine.',
    'Add sslmode=verify-full to DATABASE_URL.',
  );
}

export async function checkRights(client: Client): Promise<Finding> {
  const rights = await one<
    Record<'role' | 'database' | 'schema', string> & Record<'schemas' | 'tables' | 'jobs', boolean>
  >(
    client,
    `select quote_ident(current_user) as role, quote_ident(current_database()) as database,
       quote_ident(current_schema()) as schema,
       to_regnamespace('graphile_worker') is not null or has_database_privilege(current_database(), 'create') as schemas,
       has_schema_privilege(current_schema(), 'create') as tables,
       coalesce(has_schema_privilege(to_regnamespace('graphile_worker'), 'usage'), true) as jobs`,
  );
  const { role, database, schema } = rights;
  if (!rights.schemas) {
    return problem(
      `The role ${role} may not create the schema graphile_worker.`,
      `Run grant create on database ${database} to ${role}.`,
    );
  }
  if (!rights.tables) {
    return problem(
      `The role ${role} may not create tables in ${schema}.`,
      `Run grant create on schema ${schema} to ${role}.`,
    );
  }
  if (!rights.jobs) {
    return problem(
      `The role ${role} may not use the schema graphile_worker.`,
      'Connect as the role that owns it, or grant usage and all privileges on its tables and functions.',
    );
  }
  return ok(`The role ${role} may create what is needed, in the schema ${schema}.`);
}

export async function checkMigrations(client: Client): Promise<Finding> {
  const { migrated, occupied } = await one<{ migrated: boolean; occupied: boolean }>(
    client,
    `select to_regclass('${migrationTable}') is not null as migrated, to_regclass('task') is not null as occupied`,
  );
  if (!migrated && occupied) {
    return problem(
      'The schema has a table named task, which is not of Groundcrew.',
      'Use a database, or a role with a schema, of its own.',
    );
  }
  if (!migrated) return ok('The database is empty: the next start makes its tables.');
  const { rows } = await client.query<{ name: string }>(`select name from ${migrationTable}`);
  const known = (await readdir(migrationsFolder)).map((file) => file.replace(/\.ts$/, '')).sort();
  const applied = new Set(rows.map(({ name }) => name));
  const pending = known.filter((name) => !applied.has(name));
  const newer = [...applied].filter((name) => !known.includes(name));
  if (newer.length > 0) {
    return problem(
      `A newer version of Groundcrew has migrated the database: ${newer.join(', ')}.`,
      'Run that version, or a later one.',
    );
  }
  if (pending.length > 0) return ok(`The next start makes these migrations: ${pending.join(', ')}.`);
  return ok('The database is up to date.');
}

/** Promises rest on commits that survive a crash of the server. */
export async function checkDurability(client: Client): Promise<Finding> {
  const names = ['fsync', 'full_page_writes', 'synchronous_commit'];
  const { rows } = await client.query<{ name: string }>(
    `select name from pg_settings where name = any($1) and setting = 'off' order by name`,
    [names],
  );
  if (rows.length === 0) return ok('A task that was stored survives a crash of the server.');
  return warning(
    `The server runs with ${rows.map(({ name }) => `${name} = off`).join(' and ')}: a crash may lose tasks that were stored.`,
    'Set them to on.',
  );
}

export async function checkClock(client: Client): Promise<Finding> {
  const sent = Date.now();
  const { seconds } = await one<{ seconds: number }>(
    client,
    'select extract(epoch from clock_timestamp())::float8 as seconds',
  );
  const skew = seconds - (sent + Date.now()) / 2_000;
  const text = `The clock of the database is ${Math.abs(skew).toFixed(1)} s ${skew < 0 ? 'behind' : 'ahead of'} ours.`;
  if (Math.abs(skew) <= maxSkew) return ok(text);
  return warning(
    `${text} Retries and deadlines are early or late by that.`,
    'Synchronize both clocks (NTP).',
  );
}

/** The least of what the server, the role and the database have left. */
export async function checkConnections(client: Client): Promise<Finding> {
  const [least] = (await readConnectionLimits(client)).sort((a, b) => a.free - b.free);
  if (!least) throw new Error('PostgreSQL told no limit of connections.');
  const { free } = least;
  if (free >= needed) return ok(`There is room for ${free} connections; npm start takes up to ${needed}.`);
  const text = `${capitalized(ownerOf(least))} has room for ${free} connections; npm start takes up to ${needed}.`;
  const make = free >= needs.connections ? warning : problem;
  return make(text, 'Raise the limit, or close other connections.');
}

/** LISTEN, advisory locks and prepared statements belong to a session, which a pooler may give away between transactions. */
export async function checkPooler(first: Client, second: Client): Promise<Finding> {
  return (
    (await problemOf(() => refuseTransactionPooling(first, second))) ??
    ok('Each connection keeps its session.')
  );
}

/** Subscribers are woken up by NOTIFY. */
export async function checkListen(first: Client, second: Client): Promise<Finding> {
  await first.query(`listen ${channel}`);
  const sent = performance.now();
  const heard = once(first, 'notification', { signal: AbortSignal.timeout(listenTimeoutMs) });
  heard.catch(() => {});
  await second.query(`notify ${channel}`);
  try {
    await heard;
  } catch {
    return problem(
      `A notification did not arrive within ${listenTimeoutMs} ms.`,
      'Connect to PostgreSQL itself, or to a pooler in session mode.',
    );
  }
  return ok(`A notification arrives after ${Math.round(performance.now() - sent)} ms.`);
}

/** For queries that always have one row. */
async function one<T extends QueryResultRow>(client: Client, text: string): Promise<T> {
  const { rows } = await client.query<T>(text);
  return rows[0] as T;
}
