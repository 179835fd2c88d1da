import type { Logger } from '../log.ts';

/** Milliseconds that a stop may take; then the process ends with 1. */
const maxStopMs = 20_000;

/** npm forwards a signal which the terminal already sent to the group: a duplicate within these milliseconds is ignored. */
const duplicateMs = 250;

/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once, unless it is a duplicate. */
export function onShutdownSignal(logger: Logger): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let first: { signal: NodeJS.Signals; at: number } | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === undefined) {
      first = { signal, at: performance.now() };
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error('could not stop in time');
        process.exit(1);
      }, maxStopMs).unref();
      resolve(undefined);
    } else if (signal !== first.signal || performance.now() - first.at > duplicateMs) {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return promise;
}
