import { PersistentConnection } from '../../db/persistent-connection.ts';
import type { Logger } from '../../log.ts';
import { parseWakeUp, taskChannel, type WakeUp } from './wake-up.ts';

export interface Listener {
  /** Resolves once it listens. */
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly connected: boolean;
  /** Returns how to take the subscription back. */
  subscribe(subscriber: ListenerSubscriber): () => void;
}

export interface ListenerSubscriber {
  wakeUp(wakeUp: WakeUp): void;
  /** Listens again, after what was sent meanwhile was lost. */
  reconnected?(): void;
}

/** The one LISTEN connection of a process. A silent connection is noticed within ten seconds. */
export function createListener(options: { url: string; logger: Logger }): Listener {
  const subscribers = new Set<ListenerSubscriber>();
  let begun = false;
  const session = new PersistentConnection({
    ...options,
    name: 'listen',
    intervalMs: 4_000,
    timeoutMs: 5_000,
    async setUp(client) {
      client.on('notification', ({ payload }) => {
        const wakeUp = parseWakeUp(payload ?? '');
        if (!wakeUp) return;
        for (const subscriber of subscribers) subscriber.wakeUp(wakeUp);
      });
      await client.query(`listen ${taskChannel}`);
      if (begun) for (const subscriber of subscribers) subscriber.reconnected?.();
      begun = true;
    },
    async probe(client) {
      await client.query('select 1');
    },
  });
  return {
    start: () => session.start(),
    stop: () => session.stop(),
    get connected() {
      return session.connected;
    },
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },
  };
}
