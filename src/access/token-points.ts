import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Database } from '../tables/database.ts';
import { RateLimitedError } from '../tasks/domain/errors.ts';
import type { RateLimit, Viewer } from '../tasks/domain/viewer.ts';
import { addPoints } from '../tasks/store/rate-limits.ts';

export interface TokenPointsOptions {
  readonly db: Database;
  readonly logger: Logger;
  /** Points of a token in a minute, over all servers; 0: no limit. */
  readonly limit: number;
}

const windowMs = 60_000;
/** Milliseconds between two reports of what this server has counted. */
const reportMs = 500;
/** Milliseconds for which a report is not repeated for somebody who only asks. */
const freshMs = 100;
/** The largest Int of GraphQL, where there is no limit. */
const noLimit = 2_147_483_647;

/** What a server knows of a token's points in the window that runs. */
class Bucket {
  readonly key: string;
  /** Of all servers, as the last report said, with what this one had reported. */
  reported = 0;
  /** Of this server, since then. */
  pending = 0;
  /** By the clock of the process. */
  resetsAt: number;
  reportedAt = Number.NEGATIVE_INFINITY;
  report: Promise<boolean> | undefined;

  constructor(key: string, resetsAt: number) {
    this.key = key;
    this.resetsAt = resetsAt;
  }

  get used(): number {
    return this.reported + this.pending;
  }
}

/**
 * Counts the points of each token over all servers. Far from the limit a server counts by itself and reports twice a second,
 * so that a request costs no statement; a token that has used a fiftieth of its points since the last report, or nine tenths
 * of all, is reported at once. While the database is away, each server counts for itself.
 */
export class TokenPoints {
  readonly #options: TokenPointsOptions;
  readonly #buckets = new Map<string, Bucket>();
  readonly #stopping = new AbortController();
  #reporting: Promise<void> | undefined;

  constructor(options: TokenPointsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.limit === 0) return;
    const onError = (err: unknown) => this.#options.logger.debug({ err }, 'could not report points');
    this.#reporting = runEvery(reportMs, this.#stopping.signal, () => this.#reportAll(), onError);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reporting;
  }

  /** Takes the cost of one operation, and says what is left. Throws RateLimitedError when too little is. */
  async take({ token }: Viewer, cost: number): Promise<RateLimit> {
    const { limit } = this.#options;
    if (limit === 0) return this.#state(noLimit, cost, noLimit, windowMs);
    const bucket = this.#bucketOf(token?.id ?? 'owner');
    // What other servers have counted is not known yet, or the window has ended meanwhile.
    if (cost > 0 && bucket.used + cost > limit) await this.#report(bucket);
    if (cost > 0 && bucket.used + cost > limit) throw this.#tooMany(bucket);
    bucket.pending += cost;
    const isNear = bucket.pending > limit / 50 || bucket.used > limit * 0.9;
    if (cost > 0 ? isNear : performance.now() - bucket.reportedAt > freshMs) await this.#report(bucket);
    // Several servers took the last points at the same moment.
    if (cost > 0 && bucket.used > limit) throw this.#tooMany(bucket);
    return this.#state(limit, cost, Math.max(0, limit - bucket.used), bucket.resetsAt - performance.now());
  }

  #state(limit: number, cost: number, remaining: number, resetInMs: number): RateLimit {
    return { limit, cost, remaining, resetAtMs: this.#options.db.clock.nowMs() + resetInMs };
  }

  #tooMany(bucket: Bucket): RateLimitedError {
    return new RateLimitedError(
      `The token has used its points: ${this.#options.limit} a minute are allowed.`,
      Math.max(1, bucket.resetsAt - performance.now()),
    );
  }

  #bucketOf(key: string): Bucket {
    const now = performance.now();
    const known = this.#buckets.get(key);
    if (known && (known.resetsAt > now || known.report)) return known;
    const bucket = new Bucket(key, now + windowMs);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Reports what is pending. A report that fails changes nothing: the points stay pending. */
  async #report(bucket: Bucket): Promise<void> {
    do {
      bucket.report ??= this.#send([bucket]);
      if (!(await bucket.report)) return;
    } while (bucket.pending > 0);
  }

  async #reportAll(): Promise<void> {
    const now = performance.now();
    for (const [key, bucket] of this.#buckets) {
      if (bucket.resetsAt <= now && !bucket.report) this.#buckets.delete(key);
    }
    const pending = [...this.#buckets.values()].filter((bucket) => bucket.pending > 0 && !bucket.report);
    if (pending.length === 0) return;
    const report = this.#send(pending);
    for (const bucket of pending) bucket.report = report;
    await report;
  }

  async #send(buckets: readonly Bucket[]): Promise<boolean> {
    const sent = new Map(buckets.map(({ key, pending }) => [key, pending]));
    try {
      const answers = await addPoints(this.#options.db, sent, windowMs);
      const byKey = new Map(answers.map((answer) => [answer.key, answer]));
      const now = performance.now();
      for (const bucket of buckets) {
        const answer = byKey.get(bucket.key);
        if (!answer) continue;
        bucket.pending -= sent.get(bucket.key) ?? 0;
        bucket.reported = answer.points;
        bucket.resetsAt = now + answer.resetInMs;
        bucket.reportedAt = now;
      }
      return true;
    } catch (err) {
      this.#options.logger.debug({ err }, 'could not report points');
      return false;
    } finally {
      for (const bucket of buckets) bucket.report = undefined;
    }
  }
}
