import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { isShort, lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { CreateHttpSpec } from '../loads/create-http.ts';
import { pgbenchVersion, runPgbench } from '../pgbench.ts';
import { type ServerProcess, startGroundcrewServer, startServer, token } from '../server-process.ts';
import { type Spread, spreadOf } from '../statistics.ts';

const seconds = lengthOf({ full: 2, short: 0.3 });
const rounds = lengthOf({ full: 3, short: 1 });
const repoUrl = 'https://example.com/a/b';

const floorIs = 'bare Yoga';
const dbos = 'DBOS’s queue';
/** The short form leaves them out: each is one more process to start. */
const peerPrograms = isShort ? {} : { Mercurius: 'mercurius-create-server', [dbos]: 'dbos-create-server' };

/** `cpuMs`: processor time of the server for each create; NaN without a server. */
type Round = Spread & { readonly perSecond: number; readonly cpuMs: number };
type Of = (round: Round) => number;
/** All that create tasks, by their names. */
type Creators = ReadonlyMap<string, (connections: number) => Promise<Round>>;

/** Creating tasks over HTTP by one client and by many at once, in turns with the peers on the same database. */
export async function benchCreateClients(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  await using parts = new AsyncDisposableStack();
  const workspaceId = await database.workspaceId();
  const start = async (name: string) =>
    parts.use(await startServer(['--no-warnings', `bench/floors/${name}.ts`, database.url, workspaceId]));
  const creators = new Map<string, (connections: number) => Promise<Round>>();
  const add = (name: string, server: ServerProcess) =>
    creators.set(name, (connections) => measure(server, connections));
  add('ours', parts.use(await startGroundcrewServer('api', database)));
  add(floorIs, await start('yoga-create-server'));
  for (const [name, program] of Object.entries(peerPrograms)) add(name, await start(program));
  if (!isShort && pgbenchVersion() !== undefined) {
    creators.set('pgbench', async (connections) => {
      const spec = { databaseUrl: database.url, workspaceId, repoUrl, connections, seconds };
      return { ...(await runPgbench(spec)), cpuMs: Number.NaN };
    });
  }

  const figures: Figure[] = [];
  for (const clients of [1, 10, 32]) {
    const measured = await inTurns(creators, clients);
    for (const [name, unit, of] of [
      ['creates', '/s', ({ perSecond }) => perSecond],
      ['p50', 'ms', ({ p50 }) => p50],
      ['p99', 'ms', ({ p99 }) => p99],
      ['CPU of the API', 'ms', ({ cpuMs }) => cpuMs],
    ] as [string, string, Of][]) {
      const by = (creator: string) => of(measured.get(creator) as Round);
      const whole = `${clients} ${clients === 1 ? 'client' : 'clients'}, ${name}`;
      const peers = [...measured.keys()].slice(2).filter((peer) => !Number.isNaN(by(peer)));
      const goal = goals[whole]?.(by);
      figures.push({
        suite: 'create-clients',
        name: whole,
        unit,
        value: by('ours'),
        floor: by(floorIs),
        floorIs,
        peers: Object.fromEntries(peers.map((peer) => [peer, by(peer)])),
        ...(goal && { goal }),
      });
    }
  }
  return figures;
}

const goals: Readonly<Record<string, (by: (creator: string) => number) => Figure['goal']>> = {
  '1 client, p50': (by) => ({ atMost: 1.25 * by(floorIs) }),
  '10 clients, creates': (by) => ({ atLeast: 1.3 * by(floorIs) }),
  '10 clients, p99': (by) => ({ atMost: 1.2 * by(floorIs) }),
  '32 clients, creates': (by) => ({
    atLeast: Math.max(2 * by(floorIs), isShort ? 0 : by(dbos)),
  }),
  '32 clients, CPU of the API': (by) => ({ atMost: by(floorIs) }),
};

/** The fuller the tables the slower, so all take turns. Returns the medians, in the order of the creators. */
async function inTurns(creators: Creators, connections: number): Promise<ReadonlyMap<string, Round>> {
  const measured = new Map<string, Round[]>([...creators.keys()].map((name) => [name, []]));
  const order = [...creators];
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, create] of order) measured.get(name)?.push(await create(connections));
    order.push(...order.splice(0, 1));
  }
  return new Map([...measured].map(([name, ofCreator]) => [name, medians(ofCreator)]));
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
