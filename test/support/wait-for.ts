import { setTimeout } from 'node:timers/promises';

const shortestPauseMs = 10;
const longestPauseMs = 100;
/** The part of the time waited so far that the next pause is. */
const pauseShare = 1 / 20;

/**
 * Waits for something that gives no signal, such as a row or another process's file: asks again until the answer is
 * neither undefined nor false, and resolves with it. An answer that throws counts as not yet there. Rejects after
 * `timeoutMs` with what the last answer threw as the cause. Pauses grow with the wait, because to ask a hundred times in each
 * second takes processor time from what is waited for.
 */
export async function waitFor<T>(
  find: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 60_000,
  what = find.toString(),
): Promise<T> {
  const began = performance.now();
  let cause: unknown;
  for (;;) {
    try {
      const found = await find();
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    const waited = performance.now() - began;
    if (waited > timeoutMs) {
      throw new Error(`not true within ${timeoutMs} ms: ${what}`, { cause });
    }
    await setTimeout(Math.min(Math.max(shortestPauseMs, waited * pauseShare), longestPauseMs));
  }
}
