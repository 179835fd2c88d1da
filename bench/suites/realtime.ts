import { startBenchDatabase } from '../bench-database.ts';
import { type Contender, createContenders, type Target, withServer } from '../contenders.ts';
import type { Figure } from '../figure.ts';
import { type Memory, measureIdleMemory, socketsUpTo } from '../idle-memory.ts';
import { isShort, lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { FanOutResult, FanOutSpec } from '../loads/fan-out.ts';
import type { Watched, WatchSpec } from '../loads/watch.ts';
import { spreadOf } from '../statistics.ts';

const busyTasks = lengthOf({ full: 1_000, short: 100 });
const subscribers = lengthOf({ full: 2_000, short: 100 });
const idleWarmUp = lengthOf({ full: 500, short: 50 });
/** With those of the warm-up as many as a token may have. */
const idleSockets = socketsUpTo(lengthOf({ full: 9_500, short: 100 }));
/** A p99 alone differs from one time to the next by more than what is looked for: figures are medians of so many turns. */
const turns = lengthOf({ full: 3, short: 1 });
const stallTurns = lengthOf({ full: 5, short: 1 });
const revisedSockets = socketsUpTo(lengthOf({ full: 2_000, short: 100 }));
const revisedWarmUp = lengthOf({ full: 200, short: 50 });
/** Of each task: as many as a server of ours keeps at hand at most. */
const revisions = 32;

/** From a write to the clients: Groundcrew, and in the same run on the same database its peers. */
export async function benchRealtime(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const databaseUrl = database.url;
  const taskIds = await database.createTasks(busyTasks);
  const [stallingTask = ''] = await database.createTasks(1);
  const revisedTaskIds = await database.createTasks(revisedWarmUp + revisedSockets);
  let messageBytes = 0;
  const { ours, yoga, ws, mercurius, dbos } = createContenders(database, () => messageBytes);
  const all = isShort ? [ours, yoga] : [ours, yoga, ws, mercurius, dbos];
  // Each subscriber reads its stream for itself, and looks at it once a second: ten thousand of them are not idle.
  const withoutDbos = all.filter((each) => each !== dbos);
  /** One straight after the other: what else the machine does changes with time. */
  const ofEach = async <T>(contenders: readonly Contender[], work: (contender: Contender) => Promise<T>) => {
    const measured = new Map<Contender, T>();
    for (const each of contenders) measured.set(each, await work(each));
    return measured;
  };

  const watch = (contender: Contender, spec: Omit<WatchSpec, 'databaseUrl' | keyof Target>) =>
    withServer(contender, (target) =>
      runLoad<Watched>('watch', { ...target, ...spec, databaseUrl } satisfies WatchSpec),
    );
  const inTurns = async (work: (contender: Contender) => Promise<Watched>) => {
    const measured = new Map(all.map((each) => [each, [] as Watched[]]));
    for (let turn = 0; turn < turns; turn += 1) {
      for (const [each, watched] of await ofEach(all, work)) measured.get(each)?.push(watched);
    }
    return measured;
  };
  const idle = await inTurns(async (each) => {
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
  const busySpec = { taskIds, sockets: 100, rate: 500, seconds: lengthOf({ full: 5, short: 0.5 }) };
  const busy = await inTurns((each) => watch(each, busySpec));
  const alone: Watched[] = [];
  const besideStalled: Watched[] = [];
  for (let turn = 0; turn < stallTurns; turn += 1) {
    besideStalled.push(await watch(ours, { ...busySpec, stalledBy: stallingTask }));
    alone.push(await watch(ours, busySpec));
  }

  const fanOutSpec = { databaseUrl, taskId: taskIds[0] as string, subscribers };
  const fanOutRevisions = lengthOf({ full: 60, short: 10 });
  const fanOut = await ofEach(all, (each) =>
    withServer(each, (target) => {
      // Twenty times slower than the others, and a load must end.
      const revisions = each === dbos ? fanOutRevisions / 10 : fanOutRevisions;
      return runLoad<FanOutResult>('fan-out', { ...target, ...fanOutSpec, revisions } satisfies FanOutSpec);
    }),
  );
  const idleSpec = { databaseUrl, taskIds, warmUp: idleWarmUp, sockets: idleSockets, revisions: 0 };
  const idleMemory = await ofEach(withoutDbos, (each) => measureIdleMemory(each, idleSpec));
  const revisedSpec = {
    databaseUrl,
    taskIds: revisedTaskIds,
    warmUp: revisedWarmUp,
    sockets: revisedSockets,
    revisions,
  };
  const revisedMemory = await ofEach(withoutDbos, (each) => measureIdleMemory(each, revisedSpec));

  const besidePeers = <T>(
    name: string,
    unit: string,
    measured: ReadonlyMap<Contender, T>,
    of: (each: T) => number,
    goal?: (floor: number) => Figure['goal'],
  ): Figure => {
    const floor = of(measured.get(yoga) as T);
    const peers = [...measured].filter(([each]) => each !== ours && each !== yoga);
    return {
      suite: 'realtime',
      name,
      unit,
      value: of(measured.get(ours) as T),
      floor,
      floorIs: yoga.name,
      peers: Object.fromEntries(peers.map(([{ name }, result]) => [name, of(result)])),
      ...(goal && { goal: goal(floor) }),
    };
  };
  const atMost = (times: number) => (floor: number) => ({ atMost: times * floor });
  const memory = (name: string, measured: ReadonlyMap<Contender, Memory>) => [
    besidePeers(
      `${name}, heap`,
      'KiB',
      measured,
      (each) => each.heap,
      () => ({ atMost: 25 }),
    ),
    besidePeers(`${name}, resident`, 'KiB', measured, (each) => each.resident, atMost(1)),
  ];
  const medianOf = (name: 'p50' | 'p99' | 'rate') => (watched: readonly Watched[]) =>
    spreadOf(watched.map((each) => each[name])).p50;
  const [medianP50, medianP99] = [medianOf('p50'), medianOf('p99')];
  const load = `${Math.round(medianOf('rate')(busy.get(ours) ?? []))}/s over ${busyTasks} tasks`;
  const watchedByOurs = [idle.get(ours), busy.get(ours), alone, besideStalled].flatMap((each) => each ?? []);
  const sumOf = (counts: (number | undefined)[]) => counts.reduce<number>((sum, n) => sum + (n ?? 0), 0);
  return [
    besidePeers('commit to client, idle, p50', 'ms', idle, medianP50, atMost(1.3)),
    besidePeers('commit to client, idle, p99', 'ms', idle, medianP99, atMost(1.5)),
    besidePeers(`commit to client, ${load}, p50`, 'ms', busy, medianP50),
    besidePeers(`commit to client, ${load}, p99`, 'ms', busy, medianP99, atMost(1.5)),
    {
      suite: 'realtime',
      name: 'the same p99 next to a client that does not read',
      unit: 'ms',
      value: medianP99(besideStalled),
      floor: medianP99(alone),
      floorIs: 'without it',
      goal: { atMost: 1.2 * medianP99(alone) },
    },
    besidePeers(
      `fan-out to ${subscribers}, messages`,
      '/s',
      fanOut,
      ({ perSecond }) => perSecond,
      (floor) => ({
        atLeast: 2.5 * floor,
      }),
    ),
    ...memory(`idle subscription, ${idleSockets} sockets`, idleMemory),
    ...memory(`idle after ${revisions} revisions, ${revisedSockets} sockets, a task each`, revisedMemory),
    {
      suite: 'realtime',
      name: 'revisions that did not arrive',
      unit: '',
      value: sumOf(watchedByOurs.map((each) => each.missing)),
      goal: { atMost: 0 },
    },
    {
      suite: 'realtime',
      name: 'messages that were not the next revision',
      unit: '',
      value: sumOf([...watchedByOurs, fanOut.get(ours)].map((each) => each?.misplaced)),
      goal: { atMost: 0 },
    },
  ];
}
