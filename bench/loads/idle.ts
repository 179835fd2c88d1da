// Opens many sockets, each with one subscription, and leaves them alone: from the start, or after some revisions.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { Arrivals } from '../arrivals.ts';
import { openLightClient } from '../light-client.ts';
import { revisionOf } from '../message.ts';
import { type Notification, readRevisions, reviseAll, subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, reach, readSpec } from './load.ts';

export interface IdleSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly notification: Notification;
  readonly databaseUrl: string;
  /** One for each socket, those of the warm-up first; when there are fewer sockets share them. */
  readonly taskIds: readonly string[];
  readonly warmUp: number;
  readonly sockets: number;
  /** Written of each task while it is watched, and read. With more than none each socket needs a task of its own. */
  readonly revisions: number;
}

const { url, token, graphql, notification, databaseUrl, taskIds, warmUp, sockets, revisions } =
  readSpec<IdleSpec>();
/** Who has just been busy is not idle yet: a server may keep for a moment what others may ask for. */
const settleMs = 3_000;
const database = new Client(databaseUrl);
await database.connect();
await database.query('set synchronous_commit = off');

async function open(from: number, count: number): Promise<void> {
  const ofSockets = Array.from({ length: count }, (_, n) => taskIds[(from + n) % taskIds.length] as string);
  const bases = await readRevisions(database, ofSockets);
  let arrived = 0;
  let all = Promise.withResolvers<void>();
  await inParallel(ofSockets, 50, async (id, index) => {
    const first = Promise.withResolvers<void>();
    const arrivals = new Arrivals(bases[index] as number);
    const client = await openLightClient(url, { token, graphql }, (payload) => {
      const arrival = arrivals.take(revisionOf(payload));
      if (arrival === 'first') first.resolve();
      if (arrival === 'next') arrived += 1;
      if (arrived === count) all.resolve();
    });
    client.send(subscribeMessage(1, id));
    await first.promise;
  });
  for (let revision = 0; revision < revisions; revision += 1) {
    arrived = 0;
    all = Promise.withResolvers();
    await reviseAll(database, ofSockets, notification);
    await all.promise;
  }
  if (revisions > 0) await delay(settleMs);
}

// What is paid once, however many clients come.
await open(0, warmUp);
await reach('warm');
await open(warmUp, sockets);
await reach('open');
finish({});
