import type { Logger } from '../log.ts';

/** Milliseconds that a stop may take; then the process ends with 1. */
const maxStopMs = 20_000;

/** npm forwards a signal which the terminal already sent to the group: a duplicate within these milliseconds is ignored. */
const duplicateMs = 250;

/** Milliseconds between two looks at whether npm still runs. */
const npmCheckMs = 500;

/** Ctrl-C, a supervisor's stop, Ctrl-\, and a terminal that was closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const;

/**
 * Aborts at the first signal that asks the process to stop, and when the npm that started it is gone: npm forwards only
 * SIGINT and SIGTERM, so that the end of npm by any other signal would leave the server and its agents running.
 *
 * A second signal ends the process at once, except SIGHUP, which a closing terminal may send more than once.
 */
export function onShutdownSignal(logger: Logger): AbortSignal {
  const shutdown = new AbortController();
  let first: { reason: string; at: number } | undefined;

  const stop = (reason: string) => {
    first = { reason, at: performance.now() };
    logger.info({ reason }, 'stopping');
    setTimeout(() => {
      logger.error('could not stop in time');
      process.exit(1);
    }, maxStopMs).unref();
    shutdown.abort(new Error(`Stopped: ${reason}.`));
  };
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (first === undefined) return stop(signal);
      const isDuplicate = signal === first.reason && performance.now() - first.at < duplicateMs;
      if (signal !== 'SIGHUP' && !isDuplicate) process.exit(1);
    });
  }
  onNpmGone(() => {
    if (first === undefined) stop('npm is gone');
  });
  return shutdown.signal;
}

/** Calls back when npm started this process and then ended. A process without a parent gets another one. */
function onNpmGone(callback: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    callback();
  }, npmCheckMs);
  timer.unref();
}
