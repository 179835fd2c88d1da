import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from '../../src/free-port.ts';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { Soaked, SoakSpec } from '../loads/soak.ts';
import { createRepository } from '../repository.ts';
import { type ServerProcess, startGroundcrewServer, token } from '../server-process.ts';
import { spreadOf } from '../statistics.ts';

const usualMinutes = 30;
const pauseMs = lengthOf({ full: 10_000, short: 200 });
/** Of so many samples one is printed. */
const progressEvery = 6;
/** Milliseconds for what is under way when the load ends. */
const settleMs = 30_000;
const megabyte = 1_024 * 1_024;

/** What is there at one moment. */
type Sample = ReadonlyMap<string, number>;

/**
 * Two API servers and two workers under a load that stays the same. What they hold must not grow: the median of the last third
 * of the time is compared with that of the second third, after garbage collections. A single busy moment moves neither, and
 * what a process fills once, such as a cache or a pool, is full after the first third.
 */
export async function benchSoak(minutes = usualMinutes): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  await using parts = new AsyncDisposableStack();
  const port = await freePort();
  const settings = {
    BENCH_AGENT_SERVER: `http://127.0.0.1:${port}`,
    GROUNDCREW_CONCURRENCY: '10',
    GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'true',
  };
  const start = async (role: 'api' | 'worker') =>
    parts.use(await startGroundcrewServer(role, database, 'talking', settings));
  const apis = [await start('api'), await start('api')];
  const workers = [await start('worker'), await start('worker')];
  const processes = new Map<string, ServerProcess>([
    ...apis.map((each, index) => [`API server ${index + 1}`, each] as const),
    ...workers.map((each, index) => [`worker ${index + 1}`, each] as const),
  ]);
  const client = new Client(database.url);
  await client.connect();
  parts.defer(() => client.end());

  const spec: SoakSpec = {
    urls: apis.map(({ url }) => url),
    token,
    repoUrl: createRepository(database.dataDir),
    port,
    seconds: lengthOf({ full: minutes * 60, short: 2 }),
    rate: lengthOf({ full: 10, short: 30 }),
    tasks: lengthOf({ full: 30, short: 5 }),
    clients: lengthOf({ full: 20, short: 3 }),
  };
  const samples: Sample[] = [];
  let over = false;
  const load = runLoad<Soaked>('soak', spec, undefined, spec.seconds * 1_000 + 90_000).finally(() => {
    over = true;
  });
  const sampling = (async () => {
    while (!over || samples.length < 3) {
      const taken = await sample(processes, client);
      if (samples.length % progressEvery === 0) process.stderr.write(`soak: ${lineOf(taken)}\n`);
      samples.push(taken);
      await Promise.race([delay(pauseMs), load.catch(() => {})]);
    }
  })();
  const [soaked] = await Promise.all([load, sampling]);
  return figuresOf(samples, soaked, await lockedAfter(client));
}

async function sample(processes: ReadonlyMap<string, ServerProcess>, client: Client): Promise<Sample> {
  const values = new Map<string, number>();
  const usages = await Promise.all([...processes.values()].map((each) => each.memory()));
  for (const [index, name] of [...processes.keys()].entries()) {
    const { heapUsed, external, rss } = usages[index] as NodeJS.MemoryUsage;
    values.set(`${name}, heap`, (heapUsed + external) / megabyte);
    values.set(`${name}, resident`, rss / megabyte);
  }
  const sockets = [...processes.values()].map((each) => each.openSockets());
  values.set(
    'open sockets',
    sockets.reduce((sum, count) => sum + count, 0),
  );
  const { rows } = await client.query<{ connections: number }>(
    `select count(*)::int as connections from pg_stat_activity where datname = current_database()`,
  );
  values.set('connections of PostgreSQL', rows[0]?.connections ?? Number.NaN);
  values.set('locked jobs', await lockedJobs(client));
  return values;
}

function lineOf(sample: Sample): string {
  return [...sample].map(([name, value]) => `${name} ${value.toFixed(isMemory(name) ? 1 : 0)}`).join(', ');
}

async function lockedJobs(client: Client): Promise<number> {
  const { rows } = await client.query<{ locked: number }>(
    'select count(*)::int as locked from graphile_worker.jobs where locked_at is not null',
  );
  return rows[0]?.locked ?? Number.NaN;
}

async function lockedAfter(client: Client): Promise<number> {
  const end = performance.now() + settleMs;
  while (performance.now() < end && (await lockedJobs(client)) > 0) await delay(200);
  return await lockedJobs(client);
}

function figuresOf(samples: readonly Sample[], soaked: Soaked, lockedJobs: number): Figure[] {
  const figure = (name: string, unit: string, value: number, goal?: Figure['goal']): Figure => ({
    suite: 'soak',
    name,
    unit,
    value,
    ...(goal && { goal }),
  });
  const third = Math.floor(samples.length / 3);
  const medianOf = (name: string, from: number, to?: number) =>
    spreadOf(samples.slice(from, to).map((each) => each.get(name) ?? Number.NaN)).p50;
  const grown = [...(samples[0]?.keys() ?? [])].map((name) => {
    const before = medianOf(name, third, 2 * third);
    const atMost = allowed(name, before);
    const after = medianOf(name, 2 * third);
    return {
      ...figure(name, isMemory(name) ? 'MB' : '', after, { atMost }),
      floor: before,
      floorIs: 'the third before',
    };
  });
  return [
    ...grown,
    figure('locked jobs, after the load', '', lockedJobs, { atMost: 0 }),
    figure('operations that failed', '', soaked.failures, { atMost: 0 }),
    figure('operations', '', soaked.operations),
    figure('turns of agents', '', soaked.turns, { atLeast: 1 }),
    figure('messages to subscribers', '', soaked.messages, { atLeast: 1 }),
    figure('deliveries to a webhook', '', soaked.deliveries, { atLeast: 1 }),
  ];
}

function isMemory(name: string): boolean {
  return name.endsWith('heap') || name.endsWith('resident');
}

/** What the machine and the moment change without any leak. Node takes more memory in steps of tens of MB, and keeps it. */
function allowed(name: string, before: number): number {
  if (name.endsWith('heap')) return 1.05 * before;
  return name.endsWith('resident') ? 1.25 * before : 1.1 * before + 3;
}
