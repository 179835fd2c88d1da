import { setTimeout as delay } from 'node:timers/promises';
import { connect, type GraphqlWsClient, type Received } from '../../support/graphql-ws-client.ts';
import { GroundcrewProcesses } from '../../support/groundcrew-processes.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';

export const watchQuery = `subscription ($id: ID!, $after: Int) {
  taskUpdated(id: $id, afterRevision: $after) {
    id revision status error { code message } title branchName updatedAt
    steps { name state attempt error { code } } sandbox { id } sessions { id status }
  }
}`;

export interface Seen {
  readonly id: string;
  readonly revision: number;
  readonly status: string;
}

export interface FlakyClientOptions {
  readonly taskId: string;
  readonly random: SeededRandom;
  /** The API servers that run now. */
  urls(): readonly string[];
  /** Whether no revision follows this one. */
  isLast(seen: Seen): boolean;
  /** Called for each socket that it opens. */
  onConnected(): void;
  readonly signal: AbortSignal;
}

export interface Watched {
  /** Every message, over all sockets, in order. */
  readonly log: Seen[];
  /** Messages that must not occur. */
  readonly wrong: string[];
  connections: number;
}

/**
 * Watches a task to its last revision over a bad network: drops each socket after a while, with a close frame or without
 * one, and connects the next one to a random API server, after the last revision that has arrived.
 */
export async function watchOverFlakyNetwork(options: FlakyClientOptions): Promise<Watched> {
  const { random, signal } = options;
  const watched: Watched = { log: [], wrong: [], connections: 0 };
  while (!signal.aborted) {
    const urls = options.urls();
    const client =
      urls.length === 0
        ? undefined
        : await connect(random.pick(urls), { token: GroundcrewProcesses.token }).catch(() => undefined);
    if (client) {
      watched.connections += 1;
      options.onConnected();
      const ended = await follow(client, watched, options);
      if (random.chance(0.5)) client.terminate();
      else client.socket.close(1000);
      if (ended) return watched;
    }
    await delay(random.between(0, 100));
  }
  return watched;
}

/** Returns whether the last revision has arrived. */
async function follow(
  client: GraphqlWsClient,
  watched: Watched,
  options: FlakyClientOptions,
): Promise<boolean> {
  const { random, taskId } = options;
  const subscription = client.subscribe({
    query: watchQuery,
    variables: { id: taskId, after: watched.log.at(-1)?.revision ?? 0 },
  });
  const patience = random.between(50, 2_050);
  const messages = random.between(1, 20);
  for (let message = 0; message < messages; message += 1) {
    const received = await subscription.next(patience).catch(() => undefined);
    if (!received) return false;
    if (received.type !== 'next') {
      if (!isOutage(received)) watched.wrong.push(JSON.stringify(received));
      return false;
    }
    const { data, errors } = received.payload as { data?: { taskUpdated: Seen }; errors?: unknown };
    if (!data || errors) {
      watched.wrong.push(JSON.stringify(received));
      return false;
    }
    watched.log.push(data.taskUpdated);
    if (options.isLast(data.taskUpdated)) return true;
  }
  return false;
}

/** While the database is away, a new subscription ends with an error, and the client tries again. */
function isOutage(received: Received): boolean {
  return received.type === 'error' && JSON.stringify(received.payload).includes('INTERNAL_SERVER_ERROR');
}
