import { join } from 'node:path';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { CreateHttpSpec } from '../loads/create-http.ts';
import { type ServerProcess, startGroundcrewServer, startServer, token } from '../server-process.ts';
import { type Spread, spreadOf } from '../statistics.ts';

const seconds = lengthOf({ full: 2, short: 0.3 });
const rounds = lengthOf({ full: 3, short: 1 });
const floorIs = 'bare Yoga with one statement';
const floorProgram = join(import.meta.dirname, '../floors/yoga-create-server.ts');
const repoUrl = 'https://example.com/a/b';

type Round = Spread & { readonly perSecond: number; readonly cpuMs: number };
interface Turns {
  readonly ours: Round;
  readonly floor: Round;
}

/** Creating tasks over HTTP by one client and by many at once, in turns with a bare Yoga on the same database. */
export async function benchCreateClients(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  await using ours = await startGroundcrewServer('api', database);
  await using floor = await startServer([floorProgram, database.url, await database.workspaceId()]);
  const [one, ten, many] = [
    await inTurns(ours, floor, 1),
    await inTurns(ours, floor, 10),
    await inTurns(ours, floor, 32),
  ];
  return [
    figure('1 client, p50', 'ms', one, ({ p50 }) => p50, { atMost: 1.25 * one.floor.p50 }),
    figure('10 clients', '/s', ten, ({ perSecond }) => perSecond, { atLeast: 1.3 * ten.floor.perSecond }),
    figure('10 clients, p99', 'ms', ten, ({ p99 }) => p99, { atMost: 1.2 * ten.floor.p99 }),
    figure('32 clients', '/s', many, ({ perSecond }) => perSecond, { atLeast: 2 * many.floor.perSecond }),
    figure('32 clients, CPU of the API', 'ms', many, ({ cpuMs }) => cpuMs, { atMost: many.floor.cpuMs }),
  ];
}

function figure(
  name: string,
  unit: string,
  { ours, floor }: Turns,
  of: (round: Round) => number,
  goal: Figure['goal'],
): Figure {
  return {
    suite: 'create-clients',
    name,
    unit,
    value: of(ours),
    floor: of(floor),
    floorIs,
    ...(goal && { goal }),
  };
}

/** The fuller the tables the slower, so both are measured in each round. */
async function inTurns(ours: ServerProcess, floor: ServerProcess, connections: number): Promise<Turns> {
  const measured: { ours: Round[]; floor: Round[] } = { ours: [], floor: [] };
  for (let round = 0; round < rounds; round += 1) {
    measured.ours.push(await measure(ours, connections));
    measured.floor.push(await measure(floor, connections));
  }
  return { ours: medians(measured.ours), floor: medians(measured.floor) };
}

async function measure(server: ServerProcess, connections: number): Promise<Round> {
  const spec: CreateHttpSpec = { url: server.url, token, repoUrl, connections, seconds, pause: 0 };
  let before = 0;
  let cpu = 0;
  const created = await runLoad<Spread & { perSecond: number }>('create-http', spec, async (moment) => {
    if (moment === 'warm') before = server.cpuMs();
    else cpu = server.cpuMs() - before;
  });
  return { ...created, cpuMs: cpu / created.count };
}

function medians(of: readonly Round[]): Round {
  const median = (name: keyof Round) => spreadOf(of.map((round) => round[name])).p50;
  return {
    p50: median('p50'),
    p99: median('p99'),
    count: median('count'),
    perSecond: median('perSecond'),
    cpuMs: median('cpuMs'),
  };
}
