import { setTimeout } from 'node:timers/promises';

const pauseMs = 10;

/**
 * For conditions that give no signal: asks again until the answer is true, and throws after `timeoutMs`. A condition
 * that throws counts as not yet true; its last error is the cause.
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
  what = condition.toString(),
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      if (await condition()) return;
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
