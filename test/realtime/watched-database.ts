import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { Hub } from '../../src/realtime/hub.ts';
import type { Subscription } from '../../src/realtime/subscription.ts';
import { openDatabase } from '../../src/tables/database.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { WakeUpListener } from '../../src/tasks/store/wake-up-listener.ts';
import { createTestDatabase } from '../support/database.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import { TaskWriter } from './task-writer.ts';

export interface WatchedDatabase {
  readonly hub: Hub;
  readonly listener: WakeUpListener;
  /** Between the hub and its database. */
  readonly proxy: PostgresProxy;
  /** Past the proxy. */
  readonly writer: TaskWriter;
  readonly workspaceId: string;
  /** Of the database itself. */
  readonly url: string;
  /** Runs SQL, past the proxy. */
  execute(sql: string): Promise<unknown>;
}

/** A hub on a database of its own, until the test is over. */
export async function watchDatabase(options: { swallowing?: boolean } = {}): Promise<WatchedDatabase> {
  const parts = new AsyncDisposableStack();
  onTestFinished(() => parts.disposeAsync());
  const logger = pino({ level: 'silent' });
  const { url } = parts.adopt(await createTestDatabase(), (database) => database.drop());
  const proxy = parts.use(await startPostgresProxy(url, options));
  const writing = parts.adopt(await openDatabase(url, { poolSize: 8 }), (db) => db.close());
  const reading = parts.adopt(await openDatabase(proxy.url, { poolSize: 4 }), (db) => db.close());
  const listener = parts.adopt(new WakeUpListener({ url: proxy.url, logger }), (each) => each.stop());
  await listener.start();
  const hub = parts.adopt(new Hub({ db: reading, listener, logger }), (each) => each.stop());
  await hub.start();
  const writer = new TaskWriter(writing);
  return {
    hub,
    listener,
    proxy,
    writer,
    url,
    workspaceId: await writer.workspaceId(),
    execute: (sql) => writing.em().execute(sql),
  };
}

/** What comes until that revision, which closes the subscription. */
export async function readUntil(subscription: Subscription<Task>, revision: number): Promise<Task[]> {
  const seen: Task[] = [];
  for await (const task of subscription) {
    seen.push(task);
    if (task.revision >= revision) break;
  }
  return seen;
}

export function revisionsOf(tasks: readonly Task[]): number[] {
  return tasks.map(({ revision }) => revision);
}

/** Whether a query reads revisions of tasks: not the poll, which reads only which tasks have changed. */
export function isRevisionRead(text: string): boolean {
  return text.includes('task_event') && !text.includes('pg_current_snapshot');
}
