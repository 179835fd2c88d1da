// Many watch one task; measures how many messages a second reach them.
import { Client } from 'pg';
import { Arrivals } from '../arrivals.ts';
import { openLightClient } from '../light-client.ts';
import { revisionOf } from '../message.ts';
import { type Notification, readRevisions, revise, subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, readSpec } from './load.ts';

export interface FanOutResult {
  readonly perSecond: number;
  readonly misplaced: number;
}

export interface FanOutSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly notification: Notification;
  readonly databaseUrl: string;
  readonly taskId: string;
  readonly subscribers: number;
  readonly revisions: number;
}

const { url, token, graphql, notification, databaseUrl, taskId, subscribers, revisions } =
  readSpec<FanOutSpec>();
/** Revisions on their way at once: enough that no reader waits for the writer. */
const window = 4;
const writer = new Client(databaseUrl);
await writer.connect();
await writer.query('set synchronous_commit = off');

let received = 0;
let wanted = subscribers;
let reached = Promise.withResolvers<void>();
const until = (count: number) => {
  wanted = count;
  reached = Promise.withResolvers<void>();
  if (received >= wanted) reached.resolve();
  return reached.promise;
};
const [base = 0] = await readRevisions(writer, [taskId]);
const arrivals = Array.from({ length: subscribers }, () => new Arrivals(base));
const subscribed = until(subscribers);
await inParallel(Array.from({ length: subscribers }), 50, async (_, index) => {
  const ofClient = arrivals[index] as Arrivals;
  const client = await openLightClient(url, { token, graphql }, (payload) => {
    if (ofClient.take(revisionOf(payload)) === 'again') return;
    received += 1;
    if (received === wanted) reached.resolve();
  });
  client.send(subscribeMessage(index + 100_000, taskId));
});
await subscribed;

const write = async (count: number) => {
  const before = received;
  for (let revision = 1; revision <= count; revision += 1) {
    await writer.query(revise(taskId, notification));
    await until(before + (revision - window) * subscribers);
  }
  await until(before + count * subscribers);
};
await write(window);
const began = performance.now();
await write(revisions);
const perSecond = (revisions * subscribers * 1_000) / (performance.now() - began);
const misplaced = arrivals.reduce((sum, each) => sum + each.misplaced, 0);
finish({ perSecond, misplaced } satisfies FanOutResult);
