import { Migrator } from '@mikro-orm/migrations';
import type { Options } from '@mikro-orm/postgresql';
import { applicationName } from '../db/connection.ts';
import { PreparedClient } from '../db/prepared-client.ts';
import { entities } from './entities.ts';
import { Migration001Tasks } from './migrations/migration-001-tasks.ts';
import { Migration002RequestedSandboxes } from './migrations/migration-002-requested-sandboxes.ts';
import { Migration003Retention } from './migrations/migration-003-retention.ts';
import { Migration004WorkerProcess } from './migrations/migration-004-worker-process.ts';
import { Migration005SandboxLocation } from './migrations/migration-005-sandbox-location.ts';

/** `timeoutMs` limits each statement. Undefined: no limit, for migrations of large tables. */
export function ormOptions(url: string, poolSize: number, timeoutMs?: number): Options {
  return {
    clientUrl: url,
    entities: [...entities],
    extensions: [Migrator],
    pool: { min: 0, max: poolSize },
    driverOptions: {
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      query_timeout: timeoutMs,
      Client: PreparedClient,
      // A process that is stopped or cut off in a transaction must not keep its locks: no other worker could take its tasks.
      idle_in_transaction_session_timeout: 5_000,
    },
    migrations: {
      migrationsList: [
        { name: 'migration-001-tasks', class: Migration001Tasks },
        { name: 'migration-002-requested-sandboxes', class: Migration002RequestedSandboxes },
        { name: 'migration-003-retention', class: Migration003Retention },
        { name: 'migration-004-worker-process', class: Migration004WorkerProcess },
        { name: 'migration-005-sandbox-location', class: Migration005SandboxLocation },
      ],
      tableName: 'groundcrew_migration',
      snapshot: false,
    },
    schemaGenerator: { ignoreSchema: ['graphile_worker'] },
    ensureDatabase: false,
    forceUtcTimezone: true,
    logger: () => {},
  };
}
