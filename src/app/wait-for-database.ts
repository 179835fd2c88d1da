import { isTemporaryRefusal } from '../db/connection-error.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import { retryWhile } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * Retries `work`, a part of the start, while the server starts, takes no writes or has no room for one more connection.
 * Warns once for each of these reasons. Rejects with every other error, and with the signal's reason.
 */
export function waitForDatabase<T>(
  work: () => Promise<T>,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<T> {
  let lastReason: string | null = null;
  const isWorthWaiting = (error: Error) => {
    if (!isTemporaryRefusal(error)) return false;
    const reason = describeDatabaseError(error);
    if (reason !== lastReason) logger.warn({ reason }, 'waiting for the database');
    lastReason = reason;
    return true;
  };
  // Also while `work` waits.
  return untilAborted(retryWhile(isWorthWaiting, work, signal), signal);
}
