import { setTimeout as delay } from 'node:timers/promises';

/** Does the work again and again, with a pause between, until the signal aborts. Work that fails is told of, and goes on. */
export async function runEvery(
  pauseMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
}
