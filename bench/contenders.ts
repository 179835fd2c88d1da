import type { BenchDatabase } from './bench-database.ts';
import { type ServerProcess, startGroundcrewServer, startServer, token } from './server-process.ts';

/** A server that is measured. All are asked for the same, on the same database. */
export interface Contender {
  readonly name: string;
  readonly path: string;
  readonly graphql: boolean;
  readonly token?: string;
  start(): Promise<ServerProcess>;
}

/** Where a load connects to, and which protocol it speaks. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
}

/** `messageBytes`: the size of the messages of the bare `ws` server, which reads no tasks. */
export function createContenders(database: BenchDatabase, messageBytes: () => number) {
  return {
    ours: {
      name: 'Groundcrew',
      path: '/graphql',
      graphql: true,
      token,
      start: () => startGroundcrewServer('api', database),
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

/** Runs `work` against a new process of the contender. */
export async function withServer<T>(
  contender: Contender,
  work: (target: Target, server: ServerProcess) => Promise<T>,
): Promise<T> {
  await using server = await contender.start();
  const { path, graphql, token } = contender;
  const target = { url: server.url + path, graphql, ...(token === undefined ? {} : { token }) };
  return await work(target, server);
}
