import { retryWhileUnavailable } from './retry.ts';

const adjustEveryMs = 5_000;

/**
 * The time by the database's clock. API servers, workers and PostgreSQL may run on machines whose clocks differ by hours;
 * what is stored is stored under this one. Until `start` it is the time of this machine.
 */
export class DatabaseClock {
  readonly #read: () => Promise<number>;
  readonly #stopping = new AbortController();
  #offsetMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `read` asks the database for its time, in milliseconds since 1970. */
  constructor(read: () => Promise<number>) {
    this.#read = read;
  }

  /** ISO 8601, UTC, milliseconds. */
  now(): string {
    return new Date(this.nowMs()).toISOString();
  }

  /** Milliseconds since 1970. */
  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Resolves once the clock was read; it is read again and again until `stop`, because both clocks may be set. */
  async start(onError: (error: unknown) => void): Promise<void> {
    await retryWhileUnavailable(() => this.adjust(), this.#stopping.signal);
    this.#timer ??= setInterval(() => this.adjust().catch(onError), adjustEveryMs);
  }

  stop(): void {
    this.#stopping.abort();
    clearInterval(this.#timer);
  }

  /** Reads the database's clock once. */
  async adjust(): Promise<void> {
    const asked = Date.now();
    const read = await this.#read();
    const answered = Date.now();
    // It was read at a moment between the two. The least change that agrees with that, so that the time of a clock which
    // is right already does not jump with each answer that takes long.
    this.#offsetMs = Math.min(Math.max(this.#offsetMs, read - answered), read - asked);
  }
}
