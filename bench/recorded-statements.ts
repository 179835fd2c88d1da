import { MikroORM } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import { ConnectionPool } from '../src/db/connection-pool.ts';
import { Database } from '../src/tables/database.ts';
import { KyselyPool } from '../src/tables/kysely-pool.ts';
import { ormOptions } from '../src/tables/orm.ts';
import { kindOfId, newId } from '../src/tasks/domain/id.ts';

export interface Statement {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** What `work` sends to the database: it runs for real, on a connection that keeps a record. */
export async function recordStatements(
  databaseUrl: string,
  work: (db: Database) => Promise<unknown>,
): Promise<Statement[]> {
  const statements: Statement[] = [];
  const pool = new ConnectionPool({ url: databaseUrl, size: 1 });
  const recorder = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new KyselyPool(pool) }),
    log: ({ query }) => void statements.push({ sql: query.sql, params: query.parameters }),
  });
  const orm = await MikroORM.init({
    ...ormOptions({ pool }),
    driverOptions: recorder,
  });
  const db = new Database(orm, pool);
  try {
    await work(db);
  } finally {
    await db.close();
  }
  return statements;
}

const ids = /\b[a-z]+_[0-9a-z]{26}\b/g;

/** The same for another task: ids are made anew, but for the workspace's, which exists already. */
export function paramsForAnother({ params }: Statement): unknown[] {
  const fresh = new Map<string, string>();
  const freshId = (id: string) => {
    const kind = kindOfId(id);
    if (kind === null || kind === 'workspace') return id;
    const made = fresh.get(id) ?? newId(kind);
    fresh.set(id, made);
    return made;
  };
  return params.map((param) => (typeof param === 'string' ? param.replace(ids, freshId) : param));
}
