import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { ProjectEntity, TaskEntity, TaskEventEntity, WorkspaceEntity } from '../tasks/entities.ts';
import { Migration001Tasks } from './migrations/migration-001-tasks.ts';
import { PreparedClient } from './prepared-client.ts';

/** The name under which all of Groundcrew's connections show in pg_stat_activity. */
export const applicationName = 'groundcrew';

/** Milliseconds. Each of our statements is short: one that is not answered by then is on a connection that is gone. */
export const answerTimeoutMs = 10_000;

/** `timeoutMs` is of one statement; without it, one may take as long as it does: a migration on large tables. */
export function ormOptions(url: string, poolSize: number, timeoutMs?: number): Options {
  return {
    clientUrl: url,
    entities: [WorkspaceEntity, ProjectEntity, TaskEntity, TaskEventEntity],
    extensions: [Migrator],
    pool: { min: 0, max: poolSize },
    driverOptions: {
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      query_timeout: timeoutMs,
      Client: PreparedClient,
      // A process that is stopped, or cut off, in a transaction must not keep its locks: nobody could rescue its tasks.
      idle_in_transaction_session_timeout: 5_000,
    },
    migrations: {
      migrationsList: [{ name: 'migration-001-tasks', class: Migration001Tasks }],
      tableName: 'groundcrew_migration',
      snapshot: false,
    },
    schemaGenerator: { ignoreSchema: ['graphile_worker'] },
    ensureDatabase: false,
    forceUtcTimezone: true,
    logger: () => {},
  };
}

/** Connects at the first query. Close it when done. */
export function createOrm(url: string, options: { poolSize: number }): Promise<MikroORM> {
  return MikroORM.init(ormOptions(url, options.poolSize, answerTimeoutMs));
}
