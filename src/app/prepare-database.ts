import { ConfigError } from '../config.ts';
import type { ConnectionNeeds } from '../db/check-server.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import type { Logger } from '../log.ts';
import { migrate } from '../tables/migrate.ts';
import { DatabaseWait } from './wait-for-database.ts';

export interface PrepareDatabaseOptions {
  readonly url: string;
  /** The setting that leads to the database, for errors. */
  readonly setting: 'DATABASE_URL' | 'GROUNDCREW_DATA_DIR';
  /** Undefined: what the migrations need. */
  readonly needs?: ConnectionNeeds;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Migrates the database as soon as it can be written. Throws ConfigError for what an operator can change. */
export async function prepareDatabase({
  url,
  setting,
  needs,
  logger,
  signal,
}: PrepareDatabaseOptions): Promise<void> {
  const wait = new DatabaseWait({ logger, signal, wasUsed: false });
  const options = { signal, onRefused: wait.warn, ...(needs && { needs }) };
  try {
    await wait.for(() => migrate(url, options));
  } catch (error) {
    signal.throwIfAborted();
    const description = describeDatabaseError(error);
    if (description === null) throw error;
    throw new ConfigError(`${setting} cannot be used: ${description}`, { cause: error });
  }
}
