// Many watch one task; measures how many messages a second reach them.
import { Client } from 'pg';
import { openLightClient } from '../light-client.ts';
import { reviseParams, reviseSql, subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, readSpec } from './load.ts';

export interface FanOutSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly databaseUrl: string;
  readonly taskId: string;
  readonly subscribers: number;
  readonly revisions: number;
}

const { url, token, graphql, databaseUrl, taskId, subscribers, revisions } = readSpec<FanOutSpec>();
/** Revisions on their way at once: enough that nobody waits for the writer. */
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
const onMessage = () => {
  received += 1;
  if (received === wanted) reached.resolve();
};
const subscribed = until(subscribers);
await inParallel(Array.from({ length: subscribers }), 50, async (_, index) => {
  const client = await openLightClient(url, { token, graphql }, onMessage);
  client.send(subscribeMessage(index + 100_000, taskId));
});
await subscribed;

const write = async (count: number) => {
  const base = received;
  for (let revision = 1; revision <= count; revision += 1) {
    await writer.query(reviseSql, reviseParams(taskId));
    await until(base + (revision - window) * subscribers);
  }
  await until(base + count * subscribers);
};
await write(window);
const began = performance.now();
await write(revisions);
finish({ perSecond: (revisions * subscribers * 1_000) / (performance.now() - began) });
