import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that callers wait for a listing that is under way. Then theirs starts too: that one may hang. */
const maxWaitMs = 500;
/** Milliseconds that a listing is kept for tasks that were created before it started. */
const keptMs = 1_000;

export interface SharedListingsOptions<Result> {
  list(repoUrl: string, signal: AbortSignal): Promise<Result>;
  /** Milliseconds since 1970, by the clock of `since`. */
  now(): number;
}

interface Listing<Result> {
  readonly result: Promise<Result>;
  /** Once it has ended. */
  ended: { readonly result: Result } | undefined;
  startedAt: number;
  /** Aborts when nobody waits for it any more. */
  readonly unwanted: AbortController;
  waiting: number;
}

/**
 * Lists repositories for many tasks at once, because each listing starts programs. A task says how old its listing may be, and
 * gets one that has started later, if there is one. Else tasks that ask while the same repository is being listed share the next
 * listing, and one that asks alone has its repository listed at once.
 */
export class SharedListings<Result> {
  readonly #options: SharedListingsOptions<Result>;
  /** By repository, the listing that has started last: until it fails, or has been kept for long enough. */
  readonly #started = new Map<string, Listing<Result>>();
  /** By repository, the listing that is about to start. */
  readonly #next = new Map<string, Listing<Result>>();

  constructor(options: SharedListingsOptions<Result>) {
    this.#options = options;
  }

  /**
   * A listing that has started after `since`, in milliseconds since 1970. Rejects with the signal's reason when that aborts,
   * else as the listing does.
   */
  async list(repoUrl: string, since: number, signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted();
    const listing = this.#recent(repoUrl, since) ?? this.#next.get(repoUrl) ?? this.#plan(repoUrl);
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    listing.waiting += 1;
    try {
      return await Promise.race([listing.result, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      listing.waiting -= 1;
      if (signal.aborted && listing.waiting === 0) listing.unwanted.abort(signal.reason);
    }
  }

  /** What `list` would resolve with at once. Undefined where it would have to wait. */
  listed(repoUrl: string, since: number): Result | undefined {
    return this.#recent(repoUrl, since)?.ended?.result;
  }

  #recent(repoUrl: string, since: number): Listing<Result> | undefined {
    const started = this.#started.get(repoUrl);
    return started && started.startedAt > since && !started.unwanted.signal.aborted ? started : undefined;
  }

  #plan(repoUrl: string): Listing<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>();
    const listing = {
      result: promise,
      ended: undefined,
      startedAt: Number.NaN,
      unwanted: new AbortController(),
      waiting: 0,
    };
    // Nobody may be left to hear of a failure.
    promise.catch(() => {});
    this.#next.set(repoUrl, listing);
    resolve(this.#start(repoUrl, listing));
    return listing;
  }

  async #start(repoUrl: string, listing: Listing<Result>): Promise<Result> {
    await endOrTimeUp(this.#started.get(repoUrl)?.result);
    this.#next.delete(repoUrl);
    const { signal } = listing.unwanted;
    signal.throwIfAborted();
    listing.startedAt = this.#options.now();
    this.#started.set(repoUrl, listing);
    try {
      const result = await this.#options.list(repoUrl, signal);
      listing.ended = { result };
      setTimeout(() => this.#forget(repoUrl, listing), keptMs).unref();
      return result;
    } catch (error) {
      this.#forget(repoUrl, listing);
      throw error;
    }
  }

  #forget(repoUrl: string, listing: Listing<Result>): void {
    if (this.#started.get(repoUrl) === listing) this.#started.delete(repoUrl);
  }
}

/** Waits for the end of a listing, if there is one, for a limited time. */
async function endOrTimeUp(result: Promise<unknown> | undefined): Promise<void> {
  if (!result) return;
  const timer = new AbortController();
  const timeUp = delay(maxWaitMs, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([result.catch(() => {}), timeUp]);
  timer.abort();
}
