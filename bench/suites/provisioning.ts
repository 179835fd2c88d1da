import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { type BenchDatabase, startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { isInterrupted } from '../load-process.ts';
import { createRepository } from '../repository.ts';
import { type ServerProcess, startGroundcrewServer, startServer } from '../server-process.ts';
import { spreadOf } from '../statistics.ts';

const tasks = lengthOf({ full: 1_000, short: 10 });
const rounds = lengthOf({ full: 3, short: 1 });
/** Before anything is measured: until then statements are planned and code is compiled, by a worker that usually runs for days. */
const warmUp = lengthOf({ full: 1_000, short: 1 });
/** The default of `GROUNDCREW_CONCURRENCY`. */
const concurrency = '10';
/** Characters: one that explains what it asks for. */
const longPrompt = 4_000;
const floorProgram = join(import.meta.dirname, '../floors/graphile-updates.ts');

/** Milliseconds between two looks whether all are ready: each reads the whole table, on the machine that is measured. */
const lookMs = lengthOf({ full: 1_000, short: 100 });
const waiting = `select from task where status not in ('running', 'error', 'canceled', 'archived')`;

interface Round {
  readonly perSecond: number;
  /** Milliseconds of processor time of the workers for each task. */
  readonly workerMs: number;
}

/** From the creation of tasks to RUNNING, with a provider that answers at once, in turns with bare jobs on the same database. */
export async function benchProvisioning(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const repoUrl = createRepository(database.dataDir);
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await using parts = new AsyncDisposableStack();
  parts.defer(() => client.end());
  await client.query(`create table floor_task (id serial primary key, revision int not null default 1, state jsonb,
      created_at timestamptz not null default now(), updated_at timestamptz)`);

  const one: Round[] = [];
  const two: Round[] = [];
  const long: Round[] = [];
  const floor: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    one.push(await provision(database, client, repoUrl, { workers: 1 }));
    floor.push(await runFloor(database, client));
    two.push(await provision(database, client, repoUrl, { workers: 2 }));
    long.push(await provision(database, client, repoUrl, { workers: 1, promptLength: longPrompt }));
  }
  const median = (of: readonly Round[], name: keyof Round) => spreadOf(of.map((each) => each[name])).p50;
  const beside = (name: string, ours: readonly Round[], goal?: Figure['goal']): Figure[] => [
    {
      suite: 'provisioning',
      name: `${name}, tasks`,
      unit: '/s',
      value: median(ours, 'perSecond'),
      floor: median(floor, 'perSecond'),
      floorIs: 'bare jobs of four updates, one worker',
      ...(goal ? { goal } : {}),
    },
  ];
  return [
    ...beside('one worker', one, { atLeast: 150 }),
    ...beside('two workers', two, { atLeast: median(one, 'perSecond') }),
    ...beside('one worker, prompts of 4,000 characters', long),
    {
      suite: 'provisioning',
      name: 'one worker, CPU of the worker for a task',
      unit: 'ms',
      value: median(one, 'workerMs'),
      floor: median(floor, 'workerMs'),
      floorIs: 'bare jobs of four updates, one worker',
    },
  ];
}

async function provision(
  database: BenchDatabase,
  client: Client,
  repoUrl: string,
  { workers, promptLength }: { workers: number; promptLength?: number },
): Promise<Round> {
  await using stack = new AsyncDisposableStack();
  const started: ServerProcess[] = [];
  for (let number = 0; number < workers; number += 1) {
    const settings = { GROUNDCREW_CONCURRENCY: concurrency };
    started.push(stack.use(await startGroundcrewServer('worker', database, 'instant', settings)));
  }
  await database.createTasks(warmUp, repoUrl, promptLength);
  await untilNoneOf(client, waiting);
  const before = cpuOf(started);
  const ids = await database.createTasks(tasks, repoUrl, promptLength);
  await untilNoneOf(client, waiting);
  const { rows } = await client.query<{ count: number; seconds: number }>(
    `select count(*)::int as count, extract(epoch from max(updated_at) - min(created_at))::float8 as seconds
     from task where id = any($1) and status = 'running'`,
    [ids],
  );
  const [{ count, seconds } = { count: 0, seconds: 1 }] = rows;
  if (count !== tasks) throw new Error(`${tasks - count} tasks did not become RUNNING`);
  return { perSecond: count / seconds, workerMs: (cpuOf(started) - before) / count };
}

async function runFloor(database: BenchDatabase, client: Client): Promise<Round> {
  await using server = await startServer([floorProgram, database.url, concurrency]);
  await runFloorJobs(client, warmUp);
  const before = server.cpuMs();
  const seconds = await runFloorJobs(client, tasks);
  return { perSecond: tasks / seconds, workerMs: (server.cpuMs() - before) / tasks };
}

/** Seconds until all have run. */
async function runFloorJobs(client: Client, count: number): Promise<number> {
  await client.query(
    `with added as (insert into floor_task select from generate_series(1, $1::int) returning id)
     select graphile_worker.add_job('floorTask', json_build_object('id', id)) from added`,
    [count],
  );
  await untilNoneOf(client, 'select from floor_task where revision <= 4');
  const { rows } = await client.query<{ seconds: number }>(
    `select extract(epoch from max(updated_at) - min(created_at))::float8 as seconds
     from (select * from floor_task order by id desc limit $1) newest`,
    [count],
  );
  return rows[0]?.seconds ?? Number.NaN;
}

async function untilNoneOf(client: Client, query: string): Promise<void> {
  while (!isInterrupted()) {
    const { rows } = await client.query<{ found: boolean }>(`select exists (${query}) as found`);
    if (!rows[0]?.found) return;
    await delay(lookMs);
  }
  throw new Error('interrupted');
}

function cpuOf(servers: readonly ServerProcess[]): number {
  return servers.reduce((sum, each) => sum + each.cpuMs(), 0);
}
