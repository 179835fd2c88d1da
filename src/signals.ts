import type { Logger } from './log.ts';

/** Milliseconds after which a stop that does not come to its end is cut short. */
const maxStopMs = 20_000;

/**
 * Resolves at the first SIGINT or SIGTERM. A second one ends the process at once. npm passes on what the terminal has sent
 * to both of us already, so the same signal within half a second is the same wish.
 */
export function stopOnSignal(logger: Logger): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let first: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === undefined) {
      first = performance.now();
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error('could not stop in time');
        process.exit(1);
      }, maxStopMs).unref();
      resolve(undefined);
    } else if (performance.now() - first > 500) {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return promise;
}
