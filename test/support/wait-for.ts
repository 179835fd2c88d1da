import { setTimeout } from 'node:timers/promises';

const pauseMs = 10;

/**
 * Waits for something that gives no signal, such as a row or another process's file: asks again until the answer is
 * neither undefined nor false, and resolves with it. An answer that throws counts as not yet there. Rejects after
 * `timeoutMs` with what the last answer threw as the cause.
 */
export async function waitFor<T>(
  find: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
  what = find.toString(),
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const found = await find();
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not true within ${timeoutMs} ms: ${what}`, { cause });
    }
    await setTimeout(pauseMs);
  }
}
