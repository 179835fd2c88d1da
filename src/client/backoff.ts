/** Milliseconds. */
const firstRetryMs = 100;
const maxRetryMs = 3_000;

/**
 * Milliseconds to wait before the next try, after so many that failed: doubles up to three seconds, and is spread, so that
 * the clients of a server that comes back do not all come at once.
 */
export function backoff(retries: number): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(retries, 20)) * (0.5 + Math.random() / 2);
}
