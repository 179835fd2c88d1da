import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { migrationTable } from '../../tables/orm.ts';

/** What the database says of the state of an installation. */
export interface DatabaseHealth {
  /** Of PostgreSQL. */
  readonly version: string;
  readonly isWritable: boolean;
  /** The names of the migrations that were applied. */
  readonly migrations: readonly string[];
  /** Whose heartbeat is not older than five seconds. */
  readonly workers: number;
  /** Seconds since the heartbeat of the one that has been silent longest; null without workers. */
  readonly silentSeconds: number | null;
}

export async function readHealth(db: Database): Promise<DatabaseHealth> {
  const { rows } = await sql<DatabaseHealth>`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      not current_setting('transaction_read_only')::bool as "isWritable",
      array(select name from ${sql.table(migrationTable)} order by name) as migrations,
      worker.count::int as workers, extract(epoch from worker.silence)::float8 as "silentSeconds"
    from (
      select count(*), max(now() - heartbeat_at) as silence from worker where heartbeat_at > now() - interval '5 seconds'
    ) worker
  `.execute(db.kysely);
  return rows[0] as DatabaseHealth;
}
