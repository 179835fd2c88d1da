import type { BenchDatabase } from './bench-database.ts';
import { startGroundcrewProcess, token } from './groundcrew-process.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Whom is measured. All are asked for the same, on the same database. */
export interface Contender {
  readonly name: string;
  readonly path: string;
  readonly graphql: boolean;
  readonly token?: string;
  start(): Promise<ServerProcess>;
}

/** Where a load goes, and how. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
}

/** `messageBytes` is what `ws`, which knows of no tasks, sends of each revision. */
export function createContenders(database: BenchDatabase, messageBytes: () => number) {
  return {
    ours: {
      name: 'Groundcrew',
      path: '/graphql',
      graphql: true,
      token,
      start: () => startGroundcrewProcess('api', database),
    },
    ws: {
      name: 'bare ws',
      path: '/',
      graphql: false,
      start: () => startServer(['bench/floors/ws-server.ts', database.url, String(messageBytes())]),
    },
    yoga: {
      name: 'bare Yoga',
      path: '/graphql',
      graphql: true,
      start: () => startServer(['--no-warnings', 'bench/floors/yoga-server.ts', database.url]),
    },
  } satisfies Record<string, Contender>;
}

/** In a process that has done nothing else. */
export async function withServer<T>(
  contender: Contender,
  work: (target: Target, server: ServerProcess) => Promise<T>,
): Promise<T> {
  await using server = await contender.start();
  const { path, graphql, token } = contender;
  const target = { url: server.url + path, graphql, ...(token === undefined ? {} : { token }) };
  return await work(target, server);
}
