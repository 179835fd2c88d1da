import { Migrator } from '@mikro-orm/migrations';
import type { Options } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { entities } from './entities.ts';
import { KyselyPool } from './kysely-pool.ts';
import { Migration001Tasks } from './migrations/migration-001-tasks.ts';
import { Migration002RequestedSandboxes } from './migrations/migration-002-requested-sandboxes.ts';
import { Migration003Retention } from './migrations/migration-003-retention.ts';
import { Migration004WorkerProcess } from './migrations/migration-004-worker-process.ts';
import { Migration005SandboxLocation } from './migrations/migration-005-sandbox-location.ts';
import { Migration006Tokens } from './migrations/migration-006-tokens.ts';
import { Migration007WorkerLocations } from './migrations/migration-007-worker-locations.ts';
import { Migration008RateLimits } from './migrations/migration-008-rate-limits.ts';
import { Migration009Logins } from './migrations/migration-009-logins.ts';
import { Migration010Webhooks } from './migrations/migration-010-webhooks.ts';
import { Migration011Conversations } from './migrations/migration-011-conversations.ts';
import { Migration012RoomOfWorkspaces } from './migrations/migration-012-room-of-workspaces.ts';
import { Migration013AgentEnds } from './migrations/migration-013-agent-ends.ts';
import { Migration014UnknownPrompts } from './migrations/migration-014-unknown-prompts.ts';
import { Migration015BranchNames } from './migrations/migration-015-branch-names.ts';
import { Migration016ShortListOfWords } from './migrations/migration-016-short-list-of-words.ts';
import { Migration017WordsApart } from './migrations/migration-017-words-apart.ts';
import { Migration018DeliveriesByStatement } from './migrations/migration-018-deliveries-by-statement.ts';
import { Migration019FewerLooksForNames } from './migrations/migration-019-fewer-looks-for-names.ts';

export const migrationTable = 'groundcrew_migration';

/** In the order in which they are applied. */
const migrationsList = [
  { name: 'migration-001-tasks', class: Migration001Tasks },
  { name: 'migration-002-requested-sandboxes', class: Migration002RequestedSandboxes },
  { name: 'migration-003-retention', class: Migration003Retention },
  { name: 'migration-004-worker-process', class: Migration004WorkerProcess },
  { name: 'migration-005-sandbox-location', class: Migration005SandboxLocation },
  { name: 'migration-006-tokens', class: Migration006Tokens },
  { name: 'migration-007-worker-locations', class: Migration007WorkerLocations },
  { name: 'migration-008-rate-limits', class: Migration008RateLimits },
  { name: 'migration-009-logins', class: Migration009Logins },
  { name: 'migration-010-webhooks', class: Migration010Webhooks },
  { name: 'migration-011-conversations', class: Migration011Conversations },
  { name: 'migration-012-room-of-workspaces', class: Migration012RoomOfWorkspaces },
  { name: 'migration-013-agent-ends', class: Migration013AgentEnds },
  { name: 'migration-014-unknown-prompts', class: Migration014UnknownPrompts },
  { name: 'migration-015-branch-names', class: Migration015BranchNames },
  { name: 'migration-016-short-list-of-words', class: Migration016ShortListOfWords },
  { name: 'migration-017-words-apart', class: Migration017WordsApart },
  { name: 'migration-018-deliveries-by-statement', class: Migration018DeliveriesByStatement },
  { name: 'migration-019-fewer-looks-for-names', class: Migration019FewerLooksForNames },
];

export const migrationNames: readonly string[] = migrationsList.map(({ name }) => name);

export interface OrmOptions {
  /** The caller ends it, after the ORM was closed. */
  readonly pool: Pool;
  /** Where the migrator makes its table and ours. For migrations only. */
  readonly target?: MigrationTarget;
}

export interface MigrationTarget {
  /** As the server calls it: the migrator creates a database of this name unless it exists. A pooler may use other names. */
  readonly database: string;
  readonly schema: string;
}

/** Not `clientUrl`: MikroORM takes host, port, user, password and name of it, and drops sslmode, sockets and the rest. */
export function ormOptions({ pool, target }: OrmOptions): Options {
  return {
    // Required, and used by the migrator only.
    dbName: target?.database ?? 'groundcrew',
    driverOptions: new PostgresDialect({ pool: new KyselyPool(pool) }),
    entities: [...entities],
    extensions: [Migrator],
    migrations: {
      migrationsList,
      tableName: migrationTable,
      snapshot: false,
      ...(target && { schema: target.schema }),
    },
    schemaGenerator: { ignoreSchema: ['graphile_worker'], ignoreRoutines: true },
    ensureDatabase: false,
    forceUtcTimezone: true,
    logger: () => {},
  };
}
