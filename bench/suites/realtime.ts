import { startBenchDatabase } from '../bench-database.ts';
import { type Contender, createContenders, type Target, withServer } from '../contenders.ts';
import type { Figure } from '../figure.ts';
import { type Memory, measureIdleMemory, socketsUpTo } from '../idle-memory.ts';
import { lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { FanOutResult, FanOutSpec } from '../loads/fan-out.ts';
import type { Watched, WatchSpec } from '../loads/watch.ts';
import { spreadOf } from '../statistics.ts';

const busyTasks = lengthOf({ full: 1_000, short: 100 });
const subscribers = lengthOf({ full: 2_000, short: 100 });
const idleSockets = socketsUpTo(lengthOf({ full: 10_000, short: 100 }));
const idleWarmUp = lengthOf({ full: 500, short: 50 });
const stallTurns = lengthOf({ full: 5, short: 1 });
const revisedSockets = socketsUpTo(lengthOf({ full: 2_000, short: 100 }));
const revisedWarmUp = lengthOf({ full: 200, short: 50 });
/** Of each task: as many as a server of ours keeps at hand at most. */
const revisions = 32;

/** From a write to the clients: Groundcrew, and in the same run on the same database what it is built on. */
export async function benchRealtime(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const databaseUrl = database.url;
  const taskIds = await database.createTasks(busyTasks);
  const [stallingTask = ''] = await database.createTasks(1);
  const revisedTaskIds = await database.createTasks(revisedWarmUp + revisedSockets);
  let messageBytes = 0;
  const { ours, ws, yoga } = createContenders(database, () => messageBytes);
  /** One straight after the other: what else the machine does changes with time. Ours is the first. */
  const ofAll = async <T>(work: (contender: Contender) => Promise<T>): Promise<T[]> => {
    const measured: T[] = [];
    for (const each of [ours, ws, yoga]) measured.push(await work(each));
    return measured;
  };

  const watch = (contender: Contender, spec: Omit<WatchSpec, 'databaseUrl' | keyof Target>) =>
    withServer(contender, (target) =>
      runLoad<Watched>('watch', { ...target, ...spec, databaseUrl } satisfies WatchSpec),
    );
  const idle = await ofAll(async (each) => {
    const watched = await watch(each, {
      taskIds: taskIds.slice(0, 1),
      sockets: 1,
      rate: 100,
      seconds: lengthOf({ full: 3, short: 0.5 }),
    });
    // The others are to send as many as ours.
    messageBytes ||= watched.bytes;
    return watched;
  });
  const busySpec = { taskIds, sockets: 100, rate: 1_000, seconds: lengthOf({ full: 5, short: 0.5 }) };
  const busy = await ofAll((each) => watch(each, busySpec));
  // In turns: a p99 alone differs from one time to the next by more than what is looked for.
  const alone: Watched[] = [];
  const besideStalled: Watched[] = [];
  for (let turn = 0; turn < stallTurns; turn += 1) {
    besideStalled.push(await watch(ours, { ...busySpec, stalledBy: stallingTask }));
    alone.push(await watch(ours, busySpec));
  }

  const fanOutSpec = {
    databaseUrl,
    taskId: taskIds[0] as string,
    subscribers,
    revisions: lengthOf({ full: 60, short: 10 }),
  };
  const fanOut = await ofAll((each) =>
    withServer(each, (target) =>
      runLoad<FanOutResult>('fan-out', { ...target, ...fanOutSpec } satisfies FanOutSpec),
    ),
  );
  const idleSpec = { databaseUrl, taskIds, warmUp: idleWarmUp, sockets: idleSockets, revisions: 0 };
  const idleMemory = await ofAll((each) => measureIdleMemory(each, idleSpec));
  const revisedSpec = {
    databaseUrl,
    taskIds: revisedTaskIds,
    warmUp: revisedWarmUp,
    sockets: revisedSockets,
    revisions,
  };
  const revisedMemory = await ofAll((each) => measureIdleMemory(each, revisedSpec));

  const nextToFloors = <T>(
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
  const memory = (name: string, measured: readonly Memory[]) => [
    ...nextToFloors(`${name}, heap`, 'KiB', measured, (each) => each.heap, { atMost: 25 }),
    ...nextToFloors(`${name}, resident`, 'KiB', measured, (each) => each.resident),
  ];
  const load = `${Math.round(busy[0]?.rate ?? 0)}/s over ${busyTasks} tasks`;
  const medianP99 = (watched: readonly Watched[]) => spreadOf(watched.map(({ p99 }) => p99)).p50;
  const watchedByOurs = [idle[0], busy[0], ...alone, ...besideStalled];
  const sumOf = (counts: (number | undefined)[]) => counts.reduce<number>((sum, n) => sum + (n ?? 0), 0);
  return [
    ...nextToFloors('commit to client, idle, p50', 'ms', idle, (each) => each.p50, { atMost: 3 }),
    ...nextToFloors('commit to client, idle, p99', 'ms', idle, (each) => each.p99, { atMost: 10 }),
    ...nextToFloors(`commit to client, ${load}, p50`, 'ms', busy, (each) => each.p50),
    ...nextToFloors(`commit to client, ${load}, p99`, 'ms', busy, (each) => each.p99, { atMost: 50 }),
    {
      suite: 'realtime',
      name: 'the same p99 next to a client that does not read',
      unit: 'ms',
      value: medianP99(besideStalled),
      floor: medianP99(alone),
      floorIs: 'without it',
      goal: { atMost: 1.2 * medianP99(alone) },
    },
    ...nextToFloors(`fan-out to ${subscribers}, messages`, '/s', fanOut, (each) => each.perSecond, {
      atLeast: 40_000,
    }),
    ...memory(`idle subscription, ${idleSockets} sockets`, idleMemory),
    ...memory(`idle after ${revisions} revisions, ${revisedSockets} sockets, a task each`, revisedMemory),
    {
      suite: 'realtime',
      name: 'revisions that did not arrive',
      unit: '',
      value: sumOf(watchedByOurs.map((each) => each?.missing)),
      goal: { atMost: 0 },
    },
    {
      suite: 'realtime',
      name: 'messages that were not the next revision',
      unit: '',
      value: sumOf([...watchedByOurs, fanOut[0]].map((each) => each?.misplaced)),
      goal: { atMost: 0 },
    },
  ];
}
