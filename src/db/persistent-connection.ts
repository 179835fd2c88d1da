import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from '../log.ts';
import { applicationName } from './connection.ts';

export interface PersistentConnectionOptions {
  readonly url: string;
  /** Shown in pg_stat_activity, behind `groundcrew`. */
  readonly name: string;
  readonly logger: Logger;
  /** Sets the session up, each time that it was connected. */
  begin(client: Client): Promise<void>;
  /** Runs every `intervalMs`. One that fails, or takes more than `timeoutMs`, makes the session connect anew. */
  beat(client: Client): Promise<void>;
  readonly intervalMs: number;
  /** A connection that has gone silent gives no event: this is how it is noticed. */
  readonly timeoutMs: number;
}

export interface PersistentConnection {
  /** Resolves once it is connected for the first time. */
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly connected: boolean;
}

const minBackoffMs = 50;
const maxBackoffMs = 1_000;

/**
 * A connection of its own, never from a pool: for LISTEN and for advisory locks, which belong to a session. Connects
 * again for as long as it is not stopped.
 */
export function openPersistentConnection(options: PersistentConnectionOptions): PersistentConnection {
  const stopping = new AbortController();
  const connectedOnce = Promise.withResolvers<void>();
  let connected = false;
  let running: Promise<void> | undefined;

  async function live(client: Client): Promise<void> {
    // Without a listener, an error on an idle connection would end the process.
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    client.on('error', lost.reject);
    client.on('end', () => lost.reject(new Error('the connection has ended')));
    const stopped = once(stopping.signal, 'abort').then(() => Promise.reject(stopping.signal.reason));
    stopped.catch(() => {});
    const within = <T>(work: Promise<T>) => Promise.race([work, lost.promise, stopped]);

    await within(client.connect());
    await within(options.begin(client));
    connected = true;
    connectedOnce.resolve();
    for (;;) {
      await within(delay(options.intervalMs, undefined, { signal: stopping.signal }));
      await within(options.beat(client));
    }
  }

  async function run(): Promise<void> {
    let backoffMs = minBackoffMs;
    while (!stopping.signal.aborted) {
      const client = new Client({
        connectionString: options.url,
        application_name: `${applicationName} ${options.name}`,
        connectionTimeoutMillis: options.timeoutMs,
        query_timeout: options.timeoutMs,
        keepAlive: true,
      });
      try {
        await live(client);
      } catch (error) {
        if (stopping.signal.aborted) await client.end().catch(() => {});
        // Once for each loss, not for each try to connect again.
        else {
          const level = connected ? 'warn' : 'debug';
          options.logger[level]({ err: error, session: options.name }, 'database session lost');
        }
      }
      if (connected) backoffMs = minBackoffMs;
      connected = false;
      // `end` would wait for an answer of a server that may be gone.
      (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      if (stopping.signal.aborted) return;
      await delay(backoffMs * (0.5 + Math.random()), undefined, { signal: stopping.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
    }
  }

  return {
    start() {
      running ??= run();
      return connectedOnce.promise;
    },
    async stop() {
      stopping.abort();
      await running;
    },
    get connected() {
      return connected;
    },
  };
}
