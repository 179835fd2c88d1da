// Writes revisions at a steady rate and measures how long each takes to the one who watches its task.
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { type LightClient, openLightClient } from '../light-client.ts';
import { spreadOf } from '../statistics.ts';
import { reviseParams, reviseSql, subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, readSpec } from './load.ts';

export interface WatchSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly databaseUrl: string;
  readonly taskIds: readonly string[];
  readonly sockets: number;
  /** Revisions a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Whether one more client watches all of it, and does not read. */
  readonly besidePaused: boolean;
}

const { url, token, graphql, databaseUrl, taskIds, sockets, rate, seconds, besidePaused } =
  readSpec<WatchSpec>();
const writers = new Pool({
  connectionString: databaseUrl,
  max: Math.min(8, taskIds.length),
  // The disk is not what is measured.
  options: '-c synchronous_commit=off',
});
// Of each task what is on its way: one revision at most, unless the server is far behind.
const sent: number[][] = taskIds.map(() => []);
const latencies: number[] = [];
let first = taskIds.length;
let bytes = 0;

const onMessage = (payload: Buffer) => {
  const now = performance.now();
  const text = payload.toString('latin1', 0, 40);
  const index = Number(/^\{"id":"(\d+)"/.exec(text)?.[1]);
  if (Number.isNaN(index)) return;
  bytes = payload.length;
  const began = sent[index]?.shift();
  // What comes first is the task as it is.
  if (began === undefined) first -= 1;
  else latencies.push(now - began);
};
const clients: LightClient[] = [];
await inParallel(Array.from({ length: sockets }), 50, async () => {
  clients.push(await openLightClient(url, { token, graphql }, onMessage));
});
for (const [index, taskId] of taskIds.entries()) {
  clients[index % sockets]?.send(subscribeMessage(index, taskId));
}
while (first > 0) await delay(10);
if (besidePaused) {
  const paused = await openLightClient(url, { token, graphql }, () => {});
  for (const [index, taskId] of taskIds.entries()) paused.send(subscribeMessage(index, taskId));
  paused.pause();
}

const warmUp = Math.min(rate, 200);
const total = Math.round(rate * seconds) + warmUp;
const began = performance.now();
for (let n = 0; n < total; n += 1) {
  const due = began + (n * 1_000) / rate;
  const wait = due - performance.now();
  if (wait > 1) await delay(wait);
  if (n === warmUp) latencies.length = 0;
  const index = n % taskIds.length;
  // The clock runs from before the statement is sent: what the database takes is in it.
  sent[index]?.push(performance.now());
  void writers.query(reviseSql, reviseParams(taskIds[index] as string));
}
const wroteMs = performance.now() - began;
for (let patience = 500; patience > 0 && sent.some((each) => each.length > 0); patience -= 1) await delay(10);
const missing = sent.reduce((sum, each) => sum + each.length, 0);
finish({ ...spreadOf(latencies), missing, rate: (total / wroteMs) * 1_000, bytes });
