import type { Pool } from 'pg';
import { openLightClient } from './light-client.ts';
import { revisionOf } from './message.ts';
import { readRevisions, revise, subscribeMessage } from './watched-task.ts';

/** Several times what the kernel takes for one who does not read, about 5 MB: all that the server sends waits there. */
const bytesToStall = 24_000_000;
/** The server allows a thousand on one socket. */
const maxSubscriptions = 1_000;

/**
 * A client that has stopped to read, resolved when nothing more fits between it and the server. Of its subscriptions half
 * are of `taskId`, which no other client watches: each revision of it is sent once for each, so that few fill the socket. The
 * others are of `taskIds`. `bytes` is about what one message takes.
 */
export async function openStalledClient(
  url: string,
  options: { token?: string | undefined; graphql: boolean },
  load: { database: Pool; taskId: string; taskIds: readonly string[]; bytes: number },
): Promise<void> {
  const { database, taskId, taskIds, bytes } = load;
  const half = maxSubscriptions / 2;
  const [base = 0] = await readRevisions(database, [taskId]);
  const newest = base + Math.ceil(bytesToStall / (half * bytes));
  const written = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  // Tells when the server is done with all these revisions.
  const reader = await openLightClient(url, options, (payload) => {
    begun.resolve();
    if (revisionOf(payload) === newest) written.resolve();
  });
  reader.send(subscribeMessage(0, taskId));
  await begun.promise;

  const watched = [...taskIds.slice(0, half), ...Array.from({ length: half }, () => taskId)];
  let waiting = watched.length;
  const subscribed = Promise.withResolvers<void>();
  const stalled = await openLightClient(url, options, () => {
    waiting -= 1;
    if (waiting === 0) subscribed.resolve();
  });
  for (const [index, id] of watched.entries()) stalled.send(subscribeMessage(index, id));
  // Only what is written from now on is sent for each.
  await subscribed.promise;
  stalled.pause();
  for (let revision = base; revision < newest; revision += 1) {
    await database.query(revise(taskId, 'wake-up'));
  }
  await written.promise;
}
