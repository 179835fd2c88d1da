import { setTimeout as delay } from 'node:timers/promises';

/** Runs `work` until the signal aborts, with a pause of `pauseMs` after each run. A run that fails is reported to `onError`. */
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
