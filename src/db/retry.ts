import pRetry from 'p-retry';
import { isConnectionError } from './connection-error.ts';

/**
 * Retries `work` while the database is unavailable, and on errors in `retryOn`. A commit may have happened before the
 * connection broke, so `work` MUST be idempotent. Rejects with the signal's reason.
 */
export function retryWhileUnavailable<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  retryOn: readonly (new (...args: never[]) => Error)[] = [],
): Promise<T> {
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 1_000,
    randomize: true,
    shouldRetry: ({ error }) => isConnectionError(error) || retryOn.some((type) => error instanceof type),
    signal,
  });
}
