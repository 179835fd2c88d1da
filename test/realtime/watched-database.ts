import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { Hub } from '../../src/realtime/hub.ts';
import type { Subscription } from '../../src/realtime/subscription.ts';
import { openDatabase } from '../../src/tables/database.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { Viewer } from '../../src/tasks/domain/viewer.ts';
import { WakeUpListener } from '../../src/tasks/store/wake-up-listener.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

export interface WatchedDatabase {
  readonly hub: Hub;
  readonly listener: WakeUpListener;
  /** Between the hub and its database; what the test writes does not pass it. */
  readonly proxy: PostgresProxy;
  readonly stored: StoredTasks;
  /** Of `stored`. */
  /** The owner. */
  readonly viewer: Viewer;
}

/** A hub on a database of its own, until the test is over. */
export async function watchDatabase(options: { swallowing?: boolean } = {}): Promise<WatchedDatabase> {
  const parts = new AsyncDisposableStack();
  onTestFinished(() => parts.disposeAsync());
  const logger = pino({ level: 'silent' });
  const stored = parts.use(await StoredTasks.create());
  const proxy = parts.use(await startPostgresProxy(stored.url, options));
  const db = parts.adopt(await openDatabase(proxy.url, { poolSize: 4 }), (each) => each.close());
  const listener = parts.adopt(new WakeUpListener({ url: proxy.url, logger }), (each) => each.stop());
  await listener.start();
  const hub = parts.adopt(new Hub({ db, listener, logger }), (each) => each.stop());
  await hub.start();
  return { hub, listener, proxy, stored, viewer: stored.viewer };
}

/** Returns the tasks that arrive until one is the last, and closes the subscription. */
export async function takeUntil(
  subscription: Subscription<Task>,
  isLast: (task: Task) => boolean,
): Promise<Task[]> {
  const seen: Task[] = [];
  for await (const task of subscription) {
    seen.push(task);
    if (isLast(task)) break;
  }
  return seen;
}

export function readUntil(subscription: Subscription<Task>, last: number): Promise<Task[]> {
  return takeUntil(subscription, ({ revision }) => revision >= last);
}

export function revisionsOf(tasks: readonly Task[]): number[] {
  return tasks.map(({ revision }) => revision);
}

/** Whether a query reads revisions of tasks: not the poll, which reads only which tasks have changed. */
export function isRevisionRead(text: string): boolean {
  return text.includes('task_event') && !text.includes('pg_current_snapshot');
}
