import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Logger } from '../log.ts';
import { connectionOptions } from './connection.ts';
import { isConnectTimeout, isTooManyConnections } from './connection-error.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { DatabaseClient } from './database-client.ts';

export interface PersistentConnectionOptions {
  readonly url: string;
  /** Shown in pg_stat_activity, behind `groundcrew`. */
  readonly name: string;
  readonly logger: Logger;
  /** Of this process. It gives a connection back when the server has none left for this one. */
  readonly pool?: ConnectionPool | undefined;
  /** Prepares the session; called after each connect. Must wait for nothing but queries on this client. */
  setUp(client: Client): Promise<void>;
  /** Called every `intervalMs`, under the same rule. When it fails, the connection is replaced. */
  probe(client: Client): Promise<void>;
  readonly intervalMs: number;
  /** Limit for a connect and for each query. A connection that has gone silent raises no event: this finds it. */
  readonly timeoutMs: number;
}

const minBackoffMs = 50;
const maxBackoffMs = 1_000;

/**
 * One connection outside of every pool, for LISTEN and for advisory locks: both belong to a session. Connects again
 * after each loss, until it is stopped.
 */
export class PersistentConnection {
  readonly #options: PersistentConnectionOptions;
  readonly #stopping = new AbortController();
  readonly #firstConnect = Promise.withResolvers<void>();
  #client: DatabaseClient | undefined;
  #connected = false;
  /** Whether the reason why there is no session was logged. */
  #hasWarned = false;
  #running: Promise<void> | undefined;

  constructor(options: PersistentConnectionOptions) {
    this.#options = options;
    // Nobody has to wait for the start.
    this.#firstConnect.promise.catch(() => {});
  }

  /** Whether the session is set up, as far as is known: a silent loss shows after `intervalMs + timeoutMs`. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Resolves after the first connect, however long that takes. Rejects when `stop` comes first. */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#firstConnect.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#client?.close();
    await this.#running;
    this.#firstConnect.reject(new Error('The connection was stopped.'));
  }

  async #run(): Promise<void> {
    let backoffMs = minBackoffMs;
    while (!this.#stopping.signal.aborted) {
      const client = this.#createClient();
      this.#client = client;
      try {
        await this.#use(client);
      } catch (error) {
        this.#report(error);
      }
      client.destroy();
      this.#client = undefined;
      if (this.#connected) backoffMs = minBackoffMs;
      this.#connected = false;
      const pauseMs = backoffMs * (0.5 + Math.random());
      await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
    }
  }

  #createClient(): DatabaseClient {
    const { url, name, timeoutMs } = this.#options;
    return new DatabaseClient({
      ...connectionOptions(url, name),
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
    });
  }

  /** Returns never: rejects with the reason why the connection is of no use any more. */
  async #use(client: DatabaseClient): Promise<never> {
    const ended = new AbortController();
    client.on('error', (error) => ended.abort(error));
    client.on('end', () => ended.abort(new Error('The connection has ended.')));
    await client.connect();
    await this.#options.setUp(client);
    this.#connected = true;
    this.#hasWarned = false;
    this.#firstConnect.resolve();
    // No Promise.race with a promise of the whole connection: that would keep a callback for each round.
    for (;;) {
      await delay(this.#options.intervalMs, undefined, { signal: ended.signal }).catch(() => {
        throw ended.signal.reason;
      });
      await this.#options.probe(client);
    }
  }

  /** Warns once for each loss, not for each attempt to connect again. */
  #report(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { logger, name, pool } = this.#options;
    const level = this.#hasWarned ? 'debug' : 'warn';
    this.#hasWarned = true;
    logger[level]({ err: error, session: name }, 'no database session; connecting again');
    if (isTooManyConnections(error) || isConnectTimeout(error)) pool?.makeRoom(error);
  }
}
