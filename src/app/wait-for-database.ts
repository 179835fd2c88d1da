import { isTemporaryRefusal } from '../db/connection-error.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import { retryWhile } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import { untilAborted } from './until-aborted.ts';

/** Waits of a start while the server starts, takes no writes or has no room for one more connection. */
export class DatabaseWait {
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  #lastReason: string | null = null;

  /** `signal` ends the waits. */
  constructor(logger: Logger, signal: AbortSignal) {
    this.#logger = logger;
    this.#signal = signal;
  }

  /** Retries `work` for these reasons. Rejects with every other error, and with the signal's reason. */
  for<T>(work: () => Promise<T>): Promise<T> {
    const isWorthWaiting = (error: Error) => {
      if (!isTemporaryRefusal(error)) return false;
      this.warn(error);
      return true;
    };
    // Also while `work` waits.
    return untilAborted(retryWhile(isWorthWaiting, work, this.#signal), this.#signal);
  }

  /** Logs why the process waits, once for each reason. */
  readonly warn = (refusal: unknown): void => {
    const reason = describeDatabaseError(refusal);
    if (reason !== this.#lastReason) this.#logger.warn({ reason }, 'waiting for the database');
    this.#lastReason = reason;
  };
}
