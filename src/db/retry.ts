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
  const isTransient = (error: Error) =>
    isConnectionError(error) || retryOn.some((type) => error instanceof type);
  return retryWhile(isTransient, work, signal);
}

/** Retries `work` for as long as its error is transient. `work` MUST be idempotent. Rejects with the signal's reason. */
export function retryWhile<T>(
  isTransient: (error: Error) => boolean,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 1_000,
    randomize: true,
    shouldRetry: ({ error }) => isTransient(error),
    signal,
  });
}
