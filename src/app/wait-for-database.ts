import { isConnectionError, isTemporaryRefusal } from '../db/connection-error.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import { retryWhile } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import { untilAborted } from './until-aborted.ts';

export interface DatabaseWaitOptions {
  readonly logger: Logger;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** Whether the process has used the database: then a connection that is lost or refused says nothing about the settings. */
  readonly wasUsed: boolean;
}

/**
 * Waits of a start while the server starts, takes no writes or has no room for one more connection, and, once it was used, while
 * it is away.
 */
export class DatabaseWait {
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #wasUsed: boolean;
  #lastReason: string | null = null;

  constructor({ logger, signal, wasUsed }: DatabaseWaitOptions) {
    this.#logger = logger;
    this.#signal = signal;
    this.#wasUsed = wasUsed;
  }

  /** Retries `work`, which MUST be idempotent, for these reasons. Rejects with every other error, and with the signal's reason. */
  for<T>(work: () => Promise<T>): Promise<T> {
    const isWorthWaiting = (error: Error) => {
      if (!isTemporaryRefusal(error) && !(this.#wasUsed && isConnectionError(error))) return false;
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
