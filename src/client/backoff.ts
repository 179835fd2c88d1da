const firstDelayMs = 100;
const maxDelayMs = 3_000;

/**
 * Milliseconds to wait before the next attempt, when `retries` attempts have failed since the last success. Doubles up to
 * three seconds. Up to half of it is random, so that the clients of a restarted server do not all reconnect at once.
 */
export function backoff(retries: number): number {
  return Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(retries, 20)) * (0.5 + Math.random() / 2);
}
