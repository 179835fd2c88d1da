import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient } from 'pg';
import { connectionOptions } from './connection.ts';
import { isConnectTimeout, isTooManyConnections } from './connection-error.ts';
import { DatabaseClient } from './database-client.ts';

export interface ConnectionPoolOptions {
  readonly url: string;
  /** Most connections at once. */
  readonly size: number;
  /** Milliseconds for each statement. Undefined: no limit, for migrations of large tables. */
  readonly statementTimeoutMs?: number;
  /** Called when the server refuses a connection, so that callers wait for those that there are. Default: nothing. */
  readonly onRefused?: (reason: unknown) => void;
}

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (error?: Error | boolean) => void,
) => void;

/** Milliseconds until a pool that was refused a connection asks for one more. */
const growPauseMs = 1_000;
/** The same after one did not come in time: the caller that asked for it has lost ten seconds. */
const growPauseAfterTimeoutMs = 30_000;
/** The same after it has given one back, which is for another session of this process. */
const roomMs = 10_000;
const retryMs = 100;
/** Milliseconds that a caller waits while the server refuses more connections. */
const maxWaitMs = 20_000;

/**
 * The connections of a process for all that needs no session of its own. Callers wait for a free connection, also while the
 * server allows fewer than `size`: then the pool works with those that it has. It opens one connection at a time: most callers
 * get one that has become free before theirs would be open, and each costs the server as much as dozens of statements.
 */
export class ConnectionPool extends Pool {
  readonly #size: number;
  readonly #onRefused: (reason: unknown) => void;
  /** The connections that are open, without those that are being opened. */
  readonly #open = new Set<DatabaseClient>();
  /** Most connections at once, for now. */
  #limit: number;
  /** Whether a connection is being opened that is for none of the callers. */
  #isGrowing = false;
  #growTimer: NodeJS.Timeout | undefined;
  /** Why `#limit` is less than `#size`. */
  #refusal: unknown;

  constructor({ url, size, statementTimeoutMs, onRefused = () => {} }: ConnectionPoolOptions) {
    super({
      ...connectionOptions(url),
      query_timeout: statementTimeoutMs,
      max: size,
      Client: DatabaseClient,
    });
    this.#size = size;
    this.#limit = size;
    this.#onRefused = onRefused;
    // What the pool compares its number of connections with before it opens one.
    Object.defineProperty(this.options, 'max', { get: () => this.#most() });
    // The pool replaces a connection that is lost while idle. Without a listener the error would end the process.
    this.on('error', () => {});
    this.on('connect', (client) => {
      this.#open.add(client as unknown as DatabaseClient);
      if (!this.#isGrowing) this.#grow();
    });
    this.on('remove', (client) => this.#open.delete(client as unknown as DatabaseClient));
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const connected = this.#connectWhenAllowed();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, (error) => client.release(error)),
      (error: Error) => callback(error, undefined, () => {}),
    );
    return undefined;
  }

  /** Gives one connection back to the server, which has refused one to a `PersistentConnection` of this process. */
  makeRoom(refusal: unknown): void {
    if (this.#open.size < 2) return;
    this.#shrink(this.#open.size - 1, refusal, roomMs);
    // The next one that is free.
    super.connect().then(
      (client) => client.release(true),
      () => {},
    );
  }

  /** As `end`, but does not wait for connections that are in use, or that nobody gives back any more. */
  close(): void {
    this.end().catch(() => {});
    for (const client of this.#open) client.close();
  }

  async #connectWhenAllowed(): Promise<PoolClient> {
    const deadline = performance.now() + maxWaitMs;
    for (;;) {
      try {
        return await super.connect();
      } catch (error) {
        if (this.#hasNoRoom(error)) this.#onNoRoom(error);
        // That no connection became free in time says less than why the pool has no more of them.
        else if (this.#refusal === undefined || !isWaitTooLong(error)) throw error;
        if (performance.now() > deadline) throw this.#refusal;
      }
      // With connections of its own, the pool lets the caller wait for one of them.
      if (this.totalCount === 0) await delay(retryMs);
    }
  }

  /** PgBouncer lets a connection that exceeds its pool wait, and does not refuse it. */
  #hasNoRoom(error: unknown): boolean {
    return isTooManyConnections(error) || (this.#open.size > 0 && isConnectTimeout(error));
  }

  #onNoRoom(error: unknown): void {
    this.#shrink(this.#open.size, error, isConnectTimeout(error) ? growPauseAfterTimeoutMs : growPauseMs);
  }

  #shrink(size: number, refusal: unknown, pauseMs: number): void {
    this.#limit = Math.max(1, size);
    this.#refusal = refusal;
    this.#onRefused(refusal);
    clearTimeout(this.#growTimer);
    this.#growTimer = setTimeout(() => {
      this.#limit = this.#size;
      this.#grow();
    }, pauseMs).unref();
  }

  #most(): number {
    if (this.#isGrowing) return this.#open.size;
    return this.#isOpening() ? this.totalCount : this.#limit;
  }

  #isOpening(): boolean {
    return this.totalCount > this.#open.size;
  }

  /** Opens connections while callers wait, and not on their behalf: a refusal must not cost them their place. */
  #grow(): void {
    if (this.#isOpening()) return;
    if (this.waitingCount === 0 || this.totalCount >= this.#limit) {
      if (this.#limit === this.#size) this.#refusal = undefined;
      return;
    }
    const opened = super.connect();
    this.#isGrowing = true;
    opened.then(
      (client) => {
        this.#isGrowing = false;
        client.release();
        this.#grow();
      },
      (error: unknown) => {
        this.#isGrowing = false;
        if (this.#hasNoRoom(error)) this.#onNoRoom(error);
        else this.#letCallersOpen();
      },
    );
  }

  /** Callers whose connection cannot be opened hear why: when this one fails too, the pool tries on behalf of the next caller. */
  #letCallersOpen(): void {
    this.#refusal = undefined;
    if (this.waitingCount === 0 || this.totalCount >= this.#limit) return;
    super.connect().then(
      (client) => client.release(),
      () => {},
    );
  }
}

function isWaitTooLong(error: unknown): boolean {
  return error instanceof Error && /^timeout exceeded/.test(error.message);
}
