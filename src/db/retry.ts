import pRetry from 'p-retry';
import { isConnectionError } from './connection-error.ts';

/**
 * Runs work on the database until the database could be reached, and until none of these errors comes back. The work may
 * have been done already when the connection broke: it MUST be such that doing it again changes nothing. Rejects with the
 * signal's reason once that aborts.
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
