import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Client } from 'pg';
import type { ConnectionPool } from '../../db/connection-pool.ts';
import { PersistentConnection } from '../../db/persistent-connection.ts';
import type { Logger } from '../../log.ts';
import type { Database, Reader } from '../../tables/database.ts';
import { prepared } from '../../tables/kysely-pool.ts';
import {
  acknowledgeEnd,
  acknowledgementChannel,
  credentialEndChannel,
  lockAsCredentialCache,
} from './credential-channels.ts';
import {
  followChannel,
  parseTranscriptWakeUp,
  type TranscriptWakeUp,
  transcriptChannel,
} from './transcript-wake-up.ts';
import { parseWakeUps, taskChannel, type WakeUp } from './wake-up.ts';

/** The channel on which a process hears itself, to see whether notifications arrive. */
const echoChannel = 'groundcrew_echo';

export interface WakeUpSubscriber {
  /**
   * `reader` reads on the connection that has brought the wake-up: no pool is in between, and PostgreSQL's process is awake. For
   * one short read at once, behind which further wake-ups wait.
   */
  wakeUp(wakeUp: WakeUp, reader: Reader): void;
  /** A token was revoked, or a login ended. */
  credentialEnded?(id: string): void;
  /** A server, perhaps this one, has acknowledged that a credential ended. `pid` is the database's process that it listens on. */
  endAcknowledged?(pid: number, id: string): void;
  /** A transcript has changed. */
  transcriptChanged?(wakeUp: TranscriptWakeUp): void;
  /** There is a session that nobody follows. */
  followable?(): void;
  /** Some process looks whether notifications arrive. */
  echoHeard?(id: string): void;
  /** LISTEN was re-established; notifications in between were lost. */
  reconnected?(): void;
}

export interface WakeUpListenerOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Of the same process; see `PersistentConnection`. */
  readonly pool?: ConnectionPool | undefined;
  /** Whether the process caches credentials: those who end one wait until it has acknowledged that. */
  readonly keepsCredentials?: boolean | undefined;
}

/** The one LISTEN connection of a process. It reconnects until it is stopped; a silent connection is replaced within 10 s. */
export class WakeUpListener {
  readonly #subscribers = new Set<WakeUpSubscriber>();
  readonly #connection: PersistentConnection;
  readonly #keepsCredentials: boolean;
  #hasListened = false;

  constructor(options: WakeUpListenerOptions) {
    this.#keepsCredentials = options.keepsCredentials ?? false;
    this.#connection = new PersistentConnection({
      ...options,
      name: 'listen',
      intervalMs: 4_000,
      timeoutMs: 5_000,
      setUp: async (client) => {
        const reader = readerOn(client);
        client.on('notification', ({ channel, payload = '' }) => {
          if (channel !== taskChannel) return this.#notify(client, channel, payload);
          for (const wakeUp of parseWakeUps(payload)) {
            for (const subscriber of this.#subscribers) subscriber.wakeUp(wakeUp, reader);
          }
        });
        await client.query(
          [
            taskChannel,
            credentialEndChannel,
            acknowledgementChannel,
            transcriptChannel,
            followChannel,
            echoChannel,
          ]
            .map((each) => `listen ${each}`)
            .join('; '),
        );
        if (options.keepsCredentials) await client.query(lockAsCredentialCache);
        if (this.#hasListened) for (const subscriber of this.#subscribers) subscriber.reconnected?.();
        this.#hasListened = true;
      },
      probe: async (client) => {
        await client.query('select 1');
      },
    });
  }

  /** Resolves once it listens. */
  start(): Promise<void> {
    return this.#connection.start();
  }

  stop(): Promise<void> {
    return this.#connection.stop();
  }

  get connected(): boolean {
    return this.#connection.connected;
  }

  /** Milliseconds until a notification has come back; null when none has within the timeout. */
  async roundTrip(db: Database, timeoutMs: number): Promise<number | null> {
    const id = randomUUID();
    const sentAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<number | null>();
    const unsubscribe = this.subscribe({
      wakeUp: () => {},
      echoHeard: (heard) => heard === id && resolve(performance.now() - sentAt),
    });
    const timer = setTimeout(resolve, timeoutMs, null);
    const send = sql`select pg_notify(${sql.lit(echoChannel)}, ${id})`.execute(db.kysely);
    send.catch(() => resolve(null));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }

  /** Returns the unsubscribe function. */
  subscribe(subscriber: WakeUpSubscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  #notify(client: Client, channel: string, payload: string): void {
    if (channel === credentialEndChannel) {
      for (const subscriber of this.#subscribers) subscriber.credentialEnded?.(payload);
      // A connection that is lost is replaced, and what was not heard on it counts as not confirmed.
      if (this.#keepsCredentials) client.query(acknowledgeEnd, [payload]).catch(() => {});
      return;
    }
    if (channel === acknowledgementChannel) {
      const [pid, id = ''] = payload.split(' ');
      for (const subscriber of this.#subscribers) subscriber.endAcknowledged?.(Number(pid), id);
      return;
    }
    if (channel === echoChannel) {
      for (const subscriber of this.#subscribers) subscriber.echoHeard?.(payload);
      return;
    }
    if (channel === followChannel) {
      for (const subscriber of this.#subscribers) subscriber.followable?.();
      return;
    }
    if (channel === transcriptChannel) {
      const change = parseTranscriptWakeUp(payload);
      if (change) for (const subscriber of this.#subscribers) subscriber.transcriptChanged?.(change);
    }
  }
}

function readerOn(client: Client): Reader {
  return {
    read: async <Row>(text: string, values: readonly unknown[]) =>
      (await client.query(prepared(text, values))).rows as Row[],
  };
}
