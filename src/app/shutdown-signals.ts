import type { Logger } from '../log.ts';

/** Milliseconds after which a stop that does not come to its end is cut short. */
const maxStopMs = 20_000;

/** Milliseconds within which npm passes on what the terminal has sent to both of us already. */
const echoMs = 250;

/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once, unless it is the echo of the first. */
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
    } else if (signal !== first.signal || performance.now() - first.at > echoMs) {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return promise;
}
