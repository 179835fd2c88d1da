import { freePort } from '../../src/free-port.ts';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { Talk, Talked, TalkSpec } from '../loads/talk.ts';
import { createRepository } from '../repository.ts';
import { startGroundcrewServer, token } from '../server-process.ts';

const sessions = lengthOf({ full: 50, short: 3 });
const manySessions = lengthOf({ full: 200, short: 4 });
const characters = lengthOf({ full: 1_000_000, short: 10_000 });
const items = lengthOf({ full: 10_000, short: 200 });
const rate = lengthOf({ full: 500, short: 50 });

/** From what agents say to those who watch, through one worker and one API server. */
export async function benchConversations(): Promise<Figure[]> {
  const { talked } = await run(sessions, {
    rate,
    seconds: lengthOf({ full: 5, short: 0.5 }),
    burst: lengthOf({ full: 1_000, short: 50 }),
    pieces: characters / 20,
    characters,
    items,
  });
  const followed = await run(manySessions);
  if (!talked) throw new Error('nothing was said');
  const { latency } = talked;
  const figure = (name: string, unit: string, value: number, more: Partial<Figure> = {}): Figure => ({
    suite: 'conversations',
    name,
    unit,
    value,
    ...more,
  });
  const floors = (floor: number, floorIs: string) => ({ floor, floorIs });
  return [
    figure(`piece to subscriber, ${rate}/s of ${sessions} agents, p50`, 'ms', latency.p50, {
      ...floors(100, 'the time that text is gathered'),
    }),
    figure(`piece to subscriber, ${rate}/s of ${sessions} agents, p99`, 'ms', latency.p99, {
      ...floors(100, 'the time that text is gathered'),
      goal: { atMost: 250 },
    }),
    figure('pieces that did not arrive', '', talked.missing, { goal: { atMost: 0 } }),
    figure(`pieces of ${sessions} agents at once`, '/s', talked.piecesPerSecond, {
      ...floors(talked.rowsPerSecond, 'a row each, a hundred at once, in raw pg'),
      goal: { atLeast: 5_000 },
    }),
    figure(
      `WAL of a message of ${characters} bytes in ${characters / 20} pieces`,
      'KiB',
      talked.walBytes / 1_024,
      {
        ...floors(talked.walBytesOfText / 1_024, 'as much text in one statement'),
        goal: { atMost: (3 * characters) / 1_024 },
      },
    ),
    figure(
      `a session of ${manySessions} that is followed, heap of the worker`,
      'KiB',
      followed.heapOfSession,
    ),
    figure(`opening a transcript of ${items} items, the last page`, 'ms', talked.pageMs, {
      ...floors(talked.rowsMs, 'all rows in raw pg'),
      goal: { atMost: 1_000 },
    }),
    figure(`opening a transcript of ${items} items, all of it live`, 'ms', talked.replayMs, {
      ...floors(talked.rowsMs, 'all rows in raw pg'),
    }),
  ];
}

interface Followed {
  readonly talked?: Talked | undefined;
  /** KiB. */
  readonly heapOfSession: number;
}

async function run(sessions: number, talk?: Talk): Promise<Followed> {
  await using database = await startBenchDatabase();
  const repoUrl = createRepository(database.dataDir);
  const port = await freePort();
  const settings = { BENCH_AGENT_SERVER: `http://127.0.0.1:${port}`, GROUNDCREW_CONCURRENCY: '20' };
  await using api = await startGroundcrewServer('api', database, 'talking', settings);
  await using worker = await startGroundcrewServer('worker', database, 'talking', settings);
  const heaps: number[] = [];
  const spec: TalkSpec = { url: api.url, token, databaseUrl: database.url, repoUrl, port, sessions };
  const talked = await runLoad<Talked | undefined>('talk', talk ? { ...spec, talk } : spec, async () => {
    heaps.push((await worker.memory()).heapUsed / 1_024);
  });
  const [before = Number.NaN, after = Number.NaN] = heaps;
  return { talked, heapOfSession: (after - before) / sessions };
}
