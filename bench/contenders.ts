import type { BenchDatabase } from './bench-database.ts';
import { type ServerProcess, startGroundcrewServer, startServer, token } from './server-process.ts';
import type { Notification } from './watched-task.ts';

/** A server that is measured. All are asked for the same, on the same database. */
export interface Contender {
  readonly name: string;
  readonly path: string;
  readonly graphql: boolean;
  readonly notification: Notification;
  readonly token?: string;
  start(): Promise<ServerProcess>;
}

/** Where a load connects to, and which protocol it speaks. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  /** How it is told of revisions. */
  readonly notification: Notification;
}

/** `messageBytes`: the size of the messages of the bare `ws` server, which reads no tasks. */
export function createContenders(database: BenchDatabase, messageBytes: () => number) {
  const peer = (name: string, program: string, notification: Notification) => ({
    name,
    path: '/graphql',
    graphql: true,
    notification,
    start: () => startServer(['--no-warnings', `bench/floors/${program}.ts`, database.url]),
  });
  return {
    ours: {
      name: 'Groundcrew',
      path: '/graphql',
      graphql: true,
      notification: 'wake-up',
      token,
      start: () => startGroundcrewServer('api', database),
    },
    ws: {
      name: 'bare ws',
      path: '/',
      graphql: false,
      notification: 'wake-up',
      start: () => startServer(['bench/floors/ws-server.ts', database.url, String(messageBytes())]),
    },
    yoga: peer('bare Yoga', 'yoga-server', 'task'),
    mercurius: peer('Mercurius', 'mercurius-server', 'task'),
    dbos: peer('DBOS’s streams', 'dbos-server', 'stream'),
  } satisfies Record<string, Contender>;
}

/** Runs `work` against a new process of the contender. */
export async function withServer<T>(
  contender: Contender,
  work: (target: Target, server: ServerProcess) => Promise<T>,
): Promise<T> {
  await using server = await contender.start();
  const { path, graphql, notification, token } = contender;
  const target = { url: server.url + path, graphql, notification, ...(token === undefined ? {} : { token }) };
  return await work(target, server);
}
