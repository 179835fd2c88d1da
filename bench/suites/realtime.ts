import { execFileSync } from 'node:child_process';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { startGroundcrewProcess, token } from '../groundcrew-process.ts';
import { runLoad } from '../load-process.ts';
import type { FanOutSpec } from '../loads/fan-out.ts';
import type { IdleSpec } from '../loads/idle.ts';
import type { WatchSpec } from '../loads/watch.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import type { Spread } from '../statistics.ts';

const tasks = 1_000;

/** Whom is measured. All are asked for the same, on the same database. */
interface Contender {
  readonly name: string;
  readonly path: string;
  readonly graphql: boolean;
  readonly token?: string;
  start(): Promise<ServerProcess>;
}

/** Where a load goes, and how. */
interface Target {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
}

interface Watched extends Spread {
  readonly missing: number;
  readonly rate: number;
  readonly bytes: number;
}

interface Memory {
  readonly heap: number;
  readonly resident: number;
}

/** From a write to the clients: Groundcrew, and in the same run on the same database what it is built on. */
export async function benchRealtime(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const taskIds = await database.createTasks(tasks);
  let messageBytes = 0;
  const ours: Contender = {
    name: 'Groundcrew',
    path: '/graphql',
    graphql: true,
    token,
    start: () => startGroundcrewProcess('api', database),
  };
  const ws: Contender = {
    name: 'bare ws',
    path: '/',
    graphql: false,
    start: () => startServer(['bench/floors/ws-server.ts', database.url, String(messageBytes)]),
  };
  const yoga: Contender = {
    name: 'bare Yoga',
    path: '/graphql',
    graphql: true,
    start: () => startServer(['--no-warnings', 'bench/floors/yoga-server.ts', database.url]),
  };
  const watch = (
    target: Target,
    spec: Pick<WatchSpec, 'taskIds' | 'sockets' | 'rate' | 'seconds'>,
    besidePaused = false,
  ) =>
    runLoad<Watched>('watch', {
      ...target,
      ...spec,
      databaseUrl: database.url,
      besidePaused,
    } satisfies WatchSpec);

  // Each thing of all of them, one straight after the other: what else the machine does changes with time.
  const idleSpec = { taskIds: taskIds.slice(0, 1), sockets: 1, rate: 100, seconds: 3 };
  const busySpec = { taskIds, sockets: 100, rate: 1_000, seconds: 5 };
  const idle = [await withServer(ours, (_, target) => watch(target, idleSpec))];
  // As many as the others are to send.
  messageBytes = idle[0]?.bytes ?? 0;
  for (const floor of [ws, yoga]) idle.push(await withServer(floor, (_, target) => watch(target, idleSpec)));
  const busy: Watched[] = [];
  for (const each of [ours, ws, yoga])
    busy.push(await withServer(each, (_, target) => watch(target, busySpec)));
  const besidePaused = await withServer(ours, (_, target) => watch(target, busySpec, true));
  const fanOut: { perSecond: number }[] = [];
  for (const each of [ours, ws, yoga]) {
    const spec = {
      databaseUrl: database.url,
      taskId: taskIds[0] as string,
      subscribers: 2_000,
      revisions: 60,
    };
    fanOut.push(
      await withServer(each, (_, target) => runLoad('fan-out', { ...target, ...spec } satisfies FanOutSpec)),
    );
  }
  const memory: Memory[] = [];
  for (const each of [ours, ws, yoga]) {
    memory.push(await withServer(each, (server, target) => measureMemory(server, target, taskIds)));
  }

  /** Ours comes first in `measured`, then its floors. */
  const beside = <T>(
    name: string,
    unit: string,
    measured: readonly T[],
    of: (each: T) => number,
    goal?: Figure['goal'],
  ): Figure[] =>
    [ws, yoga].map((floor, index) => ({
      suite: 'realtime',
      name,
      unit,
      value: of(measured[0] as T),
      floor: of(measured[index + 1] as T),
      floorIs: floor.name,
      ...(goal && index === 0 ? { goal } : {}),
    }));
  const load = `${Math.round(busy[0]?.rate ?? 0)}/s over ${tasks} tasks`;
  const idleName = `idle subscription, ${idleSockets()} sockets`;
  const p99 = busy[0]?.p99 ?? Number.NaN;
  return [
    ...beside('commit to client, idle, p50', 'ms', idle, (each) => each.p50, { atMost: 3 }),
    ...beside('commit to client, idle, p99', 'ms', idle, (each) => each.p99, { atMost: 10 }),
    ...beside(`commit to client, ${load}, p50`, 'ms', busy, (each) => each.p50),
    ...beside(`commit to client, ${load}, p99`, 'ms', busy, (each) => each.p99, { atMost: 50 }),
    {
      suite: 'realtime',
      name: 'the same p99 beside a client that does not read',
      unit: 'ms',
      value: besidePaused.p99,
      floor: p99,
      floorIs: 'without it',
      goal: { atMost: 1.2 * p99 },
    },
    ...beside('fan-out to 2000, messages', '/s', fanOut, (each) => each.perSecond, { atLeast: 40_000 }),
    ...beside(`${idleName}, heap`, 'KiB', memory, (each) => each.heap, { atMost: 25 }),
    ...beside(`${idleName}, resident`, 'KiB', memory, (each) => each.resident),
    {
      suite: 'realtime',
      name: 'revisions that did not arrive',
      unit: '',
      value: [idle[0], busy[0], besidePaused].reduce((sum, each) => sum + (each?.missing ?? 0), 0),
      goal: { atMost: 0 },
    },
  ];
}

/** In a process that has done nothing else. */
async function withServer<T>(
  contender: Contender,
  work: (server: ServerProcess, target: Target) => Promise<T>,
): Promise<T> {
  await using server = await contender.start();
  const { path, graphql, token } = contender;
  return await work(server, { url: server.url + path, graphql, ...(token === undefined ? {} : { token }) });
}

/** KiB for each idle subscription on a socket of its own. */
async function measureMemory(
  server: ServerProcess,
  target: Target,
  taskIds: readonly string[],
): Promise<Memory> {
  const usage: NodeJS.MemoryUsage[] = [];
  const sockets = idleSockets();
  const spec = { ...target, taskIds, warmUp: 500, sockets } satisfies IdleSpec;
  await runLoad('idle', spec, async () => {
    usage.push(await server.memory());
  });
  const [warm, open] = usage as [NodeJS.MemoryUsage, NodeJS.MemoryUsage];
  const heapOf = ({ heapUsed, external }: NodeJS.MemoryUsage) => heapUsed + external;
  const each = (bytes: number) => bytes / 1_024 / sockets;
  return { heap: each(heapOf(open) - heapOf(warm)), resident: each(open.rss - warm.rss) };
}

/** Ten thousand, or as many as this process and its children may open. */
function idleSockets(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? 10_000 : Math.min(10_000, Number(limit) - 1_000);
}
