import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../config.ts';
import { retryWhileUnavailable } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import type { Database } from '../tables/database.ts';
import { findHostOfLocation } from '../tasks/store/locations.ts';

export interface OwnDataFolderOptions {
  readonly db: Database;
  readonly logger: Logger;
  /** Of which this worker reaches the sandboxes. */
  readonly locations: readonly string[];
  /** As in `WorkerProcess`. */
  readonly host: string;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** Milliseconds that a worker elsewhere has to end: it may be the one that this worker takes the place of. */
  readonly graceMs?: number;
}

/**
 * Resolves once no living worker on another machine has one of the locations. Throws ConfigError when one stays: the data
 * folder is a copy of that worker's, and each of the two would record sandboxes as released that still run on the other machine.
 */
export async function requireOwnDataFolder(options: OwnDataFolderOptions): Promise<void> {
  const { db, logger, locations, host, signal, graceMs = 15_000 } = options;
  const endsAt = performance.now() + graceMs;
  for (let hasWarned = false; ; hasWarned = true) {
    const other = await retryWhileUnavailable(() => findHostOfLocation(db, locations, host), signal);
    if (other === null) return;
    if (performance.now() >= endsAt) {
      throw new ConfigError(
        `GROUNDCREW_DATA_DIR is used by a worker on ${other}, too: it is a copy of that worker's data folder, or shared with it over a network. Remove its folder "locations" here if it is a copy; otherwise give each machine a data folder of its own.`,
      );
    }
    if (!hasWarned)
      logger.warn(
        { host: other },
        'waiting for a worker on another machine that has this data folder, or a copy of it',
      );
    await delay(250, undefined, { signal });
  }
}
