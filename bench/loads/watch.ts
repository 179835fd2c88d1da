// Writes revisions at a steady rate and measures how long each takes to the one who watches its task.
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { Arrivals } from '../arrivals.ts';
import { type LightClient, openLightClient } from '../light-client.ts';
import { revisionOf, subscriptionOf } from '../message.ts';
import { openStalledClient } from '../stalled-client.ts';
import { type Spread, spreadOf } from '../statistics.ts';
import { type Notification, readRevisions, revise, subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, readSpec } from './load.ts';

export interface WatchSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly notification: Notification;
  readonly databaseUrl: string;
  readonly taskIds: readonly string[];
  readonly sockets: number;
  /** Revisions a second. */
  readonly rate: number;
  readonly seconds: number;
  /** With one, one more client watches besides, and does not read: many revisions of this task wait for it already. */
  readonly stalledBy?: string;
}

export interface Watched extends Spread {
  readonly missing: number;
  readonly misplaced: number;
  readonly rate: number;
  /** Of one message. */
  readonly bytes: number;
}

/** One task and its one subscription. */
interface WatchedTask {
  readonly id: string;
  readonly arrivals: Arrivals;
  /** The revision that is written last. */
  newest: number;
  /** When each revision that is on its way was written: one at most, unless the server is far behind. */
  readonly sent: Map<number, number>;
}

const { url, token, graphql, notification, databaseUrl, taskIds, sockets, rate, seconds, stalledBy } =
  readSpec<WatchSpec>();
const writers = new Pool({
  connectionString: databaseUrl,
  max: Math.min(8, taskIds.length),
  // The disk is not what is measured.
  options: '-c synchronous_commit=off',
});
const revisions = await readRevisions(writers, taskIds);
const tasks: WatchedTask[] = taskIds.map((id, index) => {
  const newest = revisions[index] as number;
  return { id, newest, arrivals: new Arrivals(newest), sent: new Map() };
});
const latencies: number[] = [];
let first = tasks.length;
let bytes = 0;

const onMessage = (payload: Buffer) => {
  const now = performance.now();
  const task = tasks[subscriptionOf(payload)];
  if (!task) return;
  bytes = payload.length;
  const revision = revisionOf(payload);
  const arrival = task.arrivals.take(revision);
  if (arrival === 'first') first -= 1;
  const began = task.sent.get(revision);
  if (arrival !== 'next' || began === undefined) return;
  task.sent.delete(revision);
  latencies.push(now - began);
};
const clients: LightClient[] = [];
await inParallel(Array.from({ length: sockets }), 50, async () => {
  clients.push(await openLightClient(url, { token, graphql }, onMessage));
});
for (const [index, { id }] of tasks.entries()) clients[index % sockets]?.send(subscribeMessage(index, id));
while (first > 0) await delay(10);
if (stalledBy !== undefined) {
  await openStalledClient(url, { token, graphql }, { database: writers, taskId: stalledBy, taskIds, bytes });
}

const warmUp = Math.min(rate, 200);
const total = Math.round(rate * seconds) + warmUp;
const began = performance.now();
for (let n = 0; n < total; n += 1) {
  const due = began + (n * 1_000) / rate;
  const wait = due - performance.now();
  if (wait > 1) await delay(wait);
  if (n === warmUp) latencies.length = 0;
  const task = tasks[n % tasks.length] as WatchedTask;
  task.newest += 1;
  // The clock runs from before the statement is sent: what the database takes is in it.
  task.sent.set(task.newest, performance.now());
  void writers.query(revise(task.id, notification));
}
const wroteMs = performance.now() - began;
for (let patience = 500; patience > 0 && tasks.some(({ sent }) => sent.size > 0); patience -= 1) {
  await delay(10);
}
const missing = tasks.reduce((sum, { sent }) => sum + sent.size, 0);
const misplaced = tasks.reduce((sum, { arrivals }) => sum + arrivals.misplaced, 0);
finish({
  ...spreadOf(latencies),
  missing,
  misplaced,
  rate: (total / wroteMs) * 1_000,
  bytes,
} satisfies Watched);
