import pRetry from 'p-retry';
import { isConnectionError, isDeadlock } from './connection-error.ts';

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

/** Each has waited for a second (PostgreSQL's `deadlock_timeout`) before it is found to be in a deadlock. */
const triesInDeadlocks = 5;

/** Does `work`, which PostgreSQL takes back as a whole, again when it was taken back to resolve a deadlock. */
export function retryOnDeadlock<T>(work: () => Promise<T>): Promise<T> {
  return pRetry(work, {
    retries: triesInDeadlocks - 1,
    minTimeout: 0,
    shouldRetry: ({ error }) => isDeadlock(error),
  });
}
