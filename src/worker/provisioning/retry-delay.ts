import { maxPauseMs } from '../../tasks/domain/next-work.ts';

/**
 * Milliseconds to wait after so many failures (1: the first): `baseMs`, doubled for each later failure, at most a minute. Up
 * to a quarter is added at random, so that tasks that failed together are not retried together.
 */
export function retryDelay(failures: number, baseMs: number, random: () => number = Math.random): number {
  const delay = Math.min(maxPauseMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.min(maxPauseMs, Math.round(delay * (1 + random() / 4)));
}
