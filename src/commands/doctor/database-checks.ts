import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, QueryResultRow } from 'pg';
import { type Finding, ok, problem, warning } from './finding.ts';

const minVersion = 15;

const migrationTable = 'groundcrew_migration';
/** A migration has the name of its file. */
const migrationsFolder = join(import.meta.dirname, '../../tables/migrations');

/** Connections that npm start takes with the default of GROUNDCREW_DB_POOL. */
const needed = 14;
/** With fewer it does not get ready. */
const leastConnections = 5;

/** Other clients of a pooler may hide it from one look. */
const looks = 5;

const listenTimeoutMs = 2_000;
const channel = 'groundcrew_doctor';

/** Seconds that the clocks may differ. */
const maxSkew = 1;

export async function checkSuitable(client: Client): Promise<Finding> {
  const server = await one<{
    number: number;
    version: string;
    encoding: string;
    schema: string | null;
    reads: boolean;
  }>(
    client,
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
       current_setting('server_encoding') as encoding, current_schema() as schema,
       current_setting('transaction_read_only')::bool as reads`,
  );
  const { version, encoding } = server;
  if (server.number < minVersion * 10_000) {
    return problem(`PostgreSQL ${version} is too old.`, `Use PostgreSQL ${minVersion} or later.`);
  }
  if (encoding !== 'UTF8') {
    return problem(
      `The database has the encoding ${encoding}, which cannot store every text.`,
      'Use one that was made with createdb --encoding=UTF8 --template=template0.',
    );
  }
  if (server.schema === null) {
    return problem(
      "No schema of the role's search_path exists, or the role may not use it.",
      'Create one, or set search_path.',
    );
  }
  if (server.reads) {
    return problem(
      'The database is read-only.',
      'Connect to the primary, or set default_transaction_read_only to off.',
    );
  }
  return ok(`PostgreSQL ${version} with encoding ${encoding} is suitable.`);
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

/** The least of what the server, the role and the database have left. Superusers are under the first limit only. */
export async function checkConnections(client: Client): Promise<Finding> {
  const { free, limit } = await one<{ free: number; limit: string }>(
    client,
    `with used as (
       select count(*) as server, count(*) filter (where usename = current_user) as role,
         count(*) filter (where datname = current_database()) as database
       from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
     ), limits as (
       select 'the server' as limit, current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) - used.server as free from used
       union all
       select 'the role', rolconnlimit - used.role from pg_roles, used
       where rolname = current_user and rolconnlimit >= 0 and not rolsuper
       union all
       select 'the database', datconnlimit - used.database from pg_database, used
       where datname = current_database() and datconnlimit >= 0
         and not (select rolsuper from pg_roles where rolname = current_user)
     )
     select free::int, "limit" from limits order by free limit 1`,
  );
  if (free >= needed) return ok(`There is room for ${free} connections; npm start takes up to ${needed}.`);
  const text = `${limit} has room for ${free} connections; npm start takes up to ${needed}.`;
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  const make = free >= leastConnections ? warning : problem;
  return make(sentence, 'Raise the limit, or close other connections.');
}

/** LISTEN, advisory locks and prepared statements belong to a session, which a pooler may give away between transactions. */
export async function checkPooler(first: Client, second: Client): Promise<Finding> {
  const pid = async (client: Client) =>
    (await one<{ pid: number }>(client, 'select pg_backend_pid() as pid')).pid;
  for (let look = 0; look < looks; look += 1) {
    const before = await pid(first);
    await second.query('begin');
    const taken = await pid(second);
    const after = await pid(first);
    await second.query('rollback');
    if (taken === before || after !== before) {
      return problem(
        'A pooler gives connections away between transactions.',
        'Set pool_mode=session in PgBouncer, or connect to PostgreSQL itself.',
      );
    }
  }
  return ok('Each connection keeps its session.');
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
