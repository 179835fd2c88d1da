import { ConfigError } from '../config.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import type { Logger } from '../log.ts';
import { migrate } from '../tables/migrate.ts';
import { waitForDatabase } from './wait-for-database.ts';

export interface PrepareDatabaseOptions {
  readonly url: string;
  /** The setting that leads to the database, for errors. */
  readonly setting: 'DATABASE_URL' | 'GROUNDCREW_DATA_DIR';
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Migrates the database as soon as it can be written. Throws ConfigError for what an operator can change. */
export async function prepareDatabase({
  url,
  setting,
  logger,
  signal,
}: PrepareDatabaseOptions): Promise<void> {
  try {
    await waitForDatabase(() => migrate(url, signal), { logger, signal });
  } catch (error) {
    signal.throwIfAborted();
    const description = describeDatabaseError(error);
    if (description === null) throw error;
    throw new ConfigError(`${setting} cannot be used: ${description}`, { cause: error });
  }
}
