import type { Client } from 'pg';
import { ReadOnlyDatabaseError } from './connection-error.ts';
import { type ConnectionLimit, ownerOf, readConnectionLimits } from './connection-limits.ts';

const minVersion = 15;
/** Another client's traffic may hide a pooler from one look. */
const looks = 5;

/** DATABASE_URL leads to a database that Groundcrew cannot use; the message says why, and what to do, on one line. */
export class UnsuitableDatabaseError extends Error {
  override readonly name = 'UnsuitableDatabaseError';
  /** Begins in lower case, and has no full stop. */
  readonly reason: string;
  /** A sentence. */
  readonly remedy: string;

  constructor(reason: string, remedy: string) {
    super(`${reason}. ${remedy}`);
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** A command, and the fewest connections at once with which it works. */
export interface ConnectionNeeds {
  /** As the user gives it: `npm start`. */
  readonly command: string;
  readonly connections: number;
}

/** Throws UnsuitableDatabaseError for what only an operator can change, ReadOnlyDatabaseError for what may pass. */
export async function checkServer(client: Client, needs: ConnectionNeeds): Promise<void> {
  const { rows } = await client.query<{
    version: number;
    encoding: string;
    schema: string | null;
    read_only: boolean;
  }>(`
    select current_setting('server_version_num')::int / 10000 as version,
      current_setting('server_encoding') as encoding,
      current_schema() as schema,
      current_setting('transaction_read_only')::bool as read_only`);
  const [server] = rows;
  if (!server) throw new Error('The server did not say what it is.');
  if (server.version < minVersion) {
    throw new UnsuitableDatabaseError(
      `the server is PostgreSQL ${server.version}`,
      `Use PostgreSQL ${minVersion} or later.`,
    );
  }
  if (server.encoding !== 'UTF8') {
    throw new UnsuitableDatabaseError(
      `the database's encoding is ${server.encoding}, which cannot store every text`,
      'Make one with createdb --encoding=UTF8 --template=template0.',
    );
  }
  if (server.schema === null) {
    throw new UnsuitableDatabaseError(
      'the role can use no schema of its search_path',
      'Create such a schema, or change search_path.',
    );
  }
  for (const limit of await readConnectionLimits(client)) requireConnections(limit, needs);
  if (server.read_only) throw new ReadOnlyDatabaseError();
}

/** Connections that others have are free again one day; a limit stays. */
function requireConnections(limit: ConnectionLimit, { command, connections }: ConnectionNeeds): void {
  if (limit.limit >= connections) return;
  const remedy = {
    role: 'Raise the limit with ALTER ROLE.',
    database: 'Raise the limit with ALTER DATABASE.',
    server: 'Raise max_connections.',
  }[limit.of];
  throw new UnsuitableDatabaseError(
    `${ownerOf(limit)} may have ${limit.limit} connections, and ${command} needs at least ${connections}`,
    remedy,
  );
}

/**
 * Throws UnsuitableDatabaseError when a pooler gives connections to other clients between two transactions: LISTEN,
 * advisory locks, session settings and prepared statements need a connection of their own.
 */
export async function refuseTransactionPooling(first: Client, second: Client): Promise<void> {
  for (let look = 0; look < looks; look += 1) {
    const before = await backendPid(first);
    let taken: number;
    let after: number;
    try {
      await second.query('begin');
      taken = await backendPid(second);
      after = await backendPid(first);
      await second.query('rollback');
    } catch (error) {
      if (!/statement pooling/.test((error as Error).message)) throw error;
      taken = before;
      after = before;
    }
    if (taken === before || after !== before) {
      throw new UnsuitableDatabaseError(
        'a pooler changes the connection between two transactions',
        'Set pool_mode=session in PgBouncer, or connect to PostgreSQL itself.',
      );
    }
  }
}

async function backendPid(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
