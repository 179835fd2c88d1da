import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient } from 'pg';
import { connectionOptions } from './connection.ts';
import { isTooManyConnections } from './connection-error.ts';
import { DatabaseClient } from './database-client.ts';

export interface ConnectionPoolOptions {
  readonly url: string;
  /** Most connections at once. */
  readonly size: number;
  /** Milliseconds for each statement. Undefined: no limit, for migrations of large tables. */
  readonly statementTimeoutMs?: number;
}

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (error?: Error | boolean) => void,
) => void;

/** Milliseconds for which a pool that was refused a connection asks for no more. */
const crowdedMs = 10_000;
const retryMs = 100;
/** Milliseconds that a caller waits while the server refuses more connections. */
const maxWaitMs = 20_000;

/**
 * The connections of a process for all that needs no session of its own. Callers wait for a free connection, also while the
 * server allows fewer than `size`: then the pool works with those that it has.
 */
export class ConnectionPool extends Pool {
  readonly #size: number;
  #growTimer: NodeJS.Timeout | undefined;
  /** Why the server gave no further connection, until it gives one. */
  #refusal: unknown;

  constructor({ url, size, statementTimeoutMs }: ConnectionPoolOptions) {
    super({
      ...connectionOptions(url),
      query_timeout: statementTimeoutMs,
      max: size,
      Client: DatabaseClient,
    });
    this.#size = size;
    // The pool replaces a connection that is lost while idle. Without a listener the error would end the process.
    this.on('error', () => {});
    this.on('connect', () => {
      this.#refusal = undefined;
    });
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
    if (this.totalCount < 2) return;
    this.#shrink(this.totalCount - 1, refusal);
    // The next one that is free.
    super.connect().then(
      (client) => client.release(true),
      () => {},
    );
  }

  async #connectWhenAllowed(): Promise<PoolClient> {
    const deadline = performance.now() + maxWaitMs;
    for (;;) {
      try {
        return await super.connect();
      } catch (error) {
        if (!isTooManyConnections(error)) throw this.#explain(error);
        if (performance.now() > deadline) throw error;
        this.#shrink(this.totalCount, error);
      }
      // With connections of its own, the pool lets the caller wait for one of them.
      if (this.totalCount === 0) await delay(retryMs);
    }
  }

  #shrink(size: number, refusal: unknown): void {
    this.options.max = Math.max(1, size);
    this.#refusal = refusal;
    clearTimeout(this.#growTimer);
    this.#growTimer = setTimeout(() => {
      this.options.max = this.#size;
    }, crowdedMs).unref();
  }

  /** That no connection became free in time says less than why the pool has no more of them. */
  #explain(error: unknown): unknown {
    const isWaitTooLong = error instanceof Error && /^timeout exceeded/.test(error.message);
    return isWaitTooLong ? (this.#refusal ?? error) : error;
  }
}
