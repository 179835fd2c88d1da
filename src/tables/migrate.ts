import { MikroORM } from '@mikro-orm/postgresql';
import { runMigrations } from 'graphile-worker';
import type { Client, Pool } from 'pg';
import { type ConnectionNeeds, checkServer, refuseTransactionPooling } from '../db/check-server.ts';
import { connectionOptions } from '../db/connection.ts';
import { ConnectionPool } from '../db/connection-pool.ts';
import { DatabaseClient } from '../db/database-client.ts';
import { type MigrationTarget, migrationTable, ormOptions } from './orm.ts';

/** Only one process migrates at a time. Any number works that no other program on the database locks. */
const migrationLock = 4_713_002_111;

export interface MigrateOptions {
  readonly signal?: AbortSignal;
  /** Default: what the migrations themselves need. */
  readonly needs?: ConnectionNeeds;
  /** As in ConnectionPoolOptions. */
  readonly onRefused?: (reason: unknown) => void;
}

/**
 * Brings the database up to date: Graphile Worker's schema, then ours. Many processes may call it at once; each takes two
 * connections. Throws UnsuitableDatabaseError for a database that Groundcrew cannot use, or that never has enough
 * connections, ReadOnlyDatabaseError for one that takes no writes now. Rejects soon after the signal aborts.
 */
export async function migrate(
  url: string,
  { signal, onRefused, needs = { command: 'npm run migrate', connections: 2 } }: MigrateOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const client = new DatabaseClient(connectionOptions(url, 'migrate'));
  // Ends the wait for the lock, too.
  const onAbort = () => client.destroy();
  signal?.addEventListener('abort', onAbort);
  try {
    await client.connect();
    await checkServer(client, needs);
    const pool = new ConnectionPool({ url, size: 1, ...(onRefused && { onRefused }) });
    // Without the entities, which no migration uses: to look at them is a fifteenth of the processor time of a start.
    const orm = await MikroORM.init({
      ...ormOptions({ pool, target: await findTarget(client) }),
      entities: [],
      discovery: { warnWhenNoEntities: false },
    });
    try {
      await refusePooler(client, pool);
      await client.query('select pg_advisory_lock($1)', [migrationLock]);
      await runMigrations({ pgPool: pool });
      await orm.migrator.up();
    } finally {
      await orm.close(true);
      // MikroORM 7.2.1 never gives a connection back that it has lost during BEGIN, COMMIT or in between.
      pool.close();
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    // The lock ends with the session.
    client.close();
  }
}

async function refusePooler(client: Client, pool: Pool): Promise<void> {
  const other = await pool.connect();
  try {
    await refuseTransactionPooling(client, other);
  } finally {
    other.release();
  }
}

/** Where our tables are, or will be: a schema that comes first on the search_path now may be younger than they. */
async function findTarget(client: Client): Promise<MigrationTarget> {
  const { rows } = await client.query<MigrationTarget>(
    `select current_database() as database, coalesce(
       (select nspname from pg_class join pg_namespace n on n.oid = relnamespace where pg_class.oid = to_regclass($1)),
       current_schema()
     ) as schema`,
    [migrationTable],
  );
  return rows[0] as MigrationTarget;
}
