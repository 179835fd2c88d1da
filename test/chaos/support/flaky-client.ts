import { setTimeout as delay } from 'node:timers/promises';
import { connect, type GraphqlWsClient, type Received } from '../../support/graphql-ws-client.ts';
import { GroundcrewProcesses } from '../../support/groundcrew-processes.ts';

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

export interface RoamingOptions {
  readonly taskId: string;
  readonly random: () => number;
  /** The nodes that live. */
  urls(): readonly string[];
  /** Whether this revision is the last that will come. */
  isLast(seen: Seen): boolean;
  readonly signal: AbortSignal;
}

export interface Journey {
  /** All that ever came, over all sockets. */
  readonly log: Seen[];
  /** What came that must not have. */
  readonly wrong: string[];
  connections: number;
}

/**
 * Watches a task to its end as a client does who has bad luck: every socket is dropped sooner or later, with a close frame
 * or without a word, and the next one goes to any node, from the last revision that was seen.
 */
export async function roam(options: RoamingOptions): Promise<Journey> {
  const { random, signal } = options;
  const journey: Journey = { log: [], wrong: [], connections: 0 };
  while (!signal.aborted) {
    const urls = options.urls();
    const url = urls[Math.floor(random() * urls.length)];
    const client =
      url === undefined
        ? undefined
        : await connect(url, { token: GroundcrewProcesses.token }).catch(() => undefined);
    if (client) {
      journey.connections += 1;
      const ended = await follow(client, journey, options);
      if (random() < 0.5) client.terminate();
      else client.socket.close(1000);
      if (ended) return journey;
    }
    await delay(random() * 100);
  }
  return journey;
}

/** True once the last revision has come. */
async function follow(client: GraphqlWsClient, journey: Journey, options: RoamingOptions): Promise<boolean> {
  const { random, taskId } = options;
  const subscription = client.subscribe({
    query: watchQuery,
    variables: { id: taskId, after: journey.log.at(-1)?.revision ?? 0 },
  });
  const patience = 50 + random() * 2_000;
  const messages = 1 + Math.floor(random() * 20);
  for (let message = 0; message < messages; message += 1) {
    const received = await subscription.next(patience).catch(() => undefined);
    if (!received) return false;
    if (received.type !== 'next') {
      if (!isOutage(received)) journey.wrong.push(JSON.stringify(received));
      return false;
    }
    const { data, errors } = received.payload as { data?: { taskUpdated: Seen }; errors?: unknown };
    if (!data || errors) {
      journey.wrong.push(JSON.stringify(received));
      return false;
    }
    journey.log.push(data.taskUpdated);
    if (options.isLast(data.taskUpdated)) return true;
  }
  return false;
}

/** While the database is away a subscription cannot begin: the client is told, and tries again. */
function isOutage(received: Received): boolean {
  return received.type === 'error' && JSON.stringify(received.payload).includes('INTERNAL_SERVER_ERROR');
}
