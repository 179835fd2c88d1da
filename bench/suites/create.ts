import { type BenchDatabase, startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { runLoad } from '../load-process.ts';
import type { CreateDirectSpec } from '../loads/create-direct.ts';
import type { CreateHttpSpec } from '../loads/create-http.ts';
import { createRepository } from '../repository.ts';
import { type BenchProvider, startGroundcrewServer, token } from '../server-process.ts';
import type { Spread } from '../statistics.ts';

const connections = 8;
const seconds = lengthOf({ full: 4, short: 0.3 });

type Created = Spread & { readonly perSecond: number };

/** What creating a task costs, next to what PostgreSQL takes for it, and with a provider that never answers. */
export async function benchCreate(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const repoUrl = createRepository(database.dataDir);
  const http = await createOverHttp(database, { repoUrl, connections, seconds, pause: 0 });
  const direct = await runLoad<{ tasks: Created; raw: Created; selectOne: Created }>('create-direct', {
    databaseUrl: database.url,
    repoUrl,
    connections,
    seconds,
  } satisfies CreateDirectSpec);
  const quick = await createBesideWorker(database, repoUrl, 'instant');
  const hanging = await createBesideWorker(database, repoUrl, 'hanging');

  const figure = (name: string, unit: string, of: (created: Created) => number, ours: Created): Figure[] => [
    {
      suite: 'create',
      name,
      unit,
      value: of(ours),
      floor: of(direct.raw),
      floorIs: 'the same SQL in raw pg',
    },
    { suite: 'create', name, unit, value: of(ours), floor: of(direct.selectOne), floorIs: 'select 1' },
  ];
  const both = (unit: string, what: string, of: (created: Created) => number) => [
    ...figure(`over HTTP, ${what}`, unit, of, http),
    ...figure(`through src/tasks, ${what}`, unit, of, direct.tasks),
  ];
  return [
    ...both('/s', 'transactions', ({ perSecond }) => perSecond),
    ...both('ms', 'p50', ({ p50 }) => p50),
    ...both('ms', 'p99', ({ p99 }) => p99),
    {
      suite: 'create',
      name: 'over HTTP, p50 while the provider hangs',
      unit: 'ms',
      value: hanging.p50,
      floor: quick.p50,
      floorIs: 'one that answers at once',
    },
  ];
}

/** On a database of its own, so that neither measurement finds the jobs that the other has left. */
async function createBesideWorker(
  beside: BenchDatabase,
  repoUrl: string,
  provider: BenchProvider,
): Promise<Created> {
  await using database = await beside.another();
  await using _worker = await startGroundcrewServer('worker', database, provider);
  return await createOverHttp(database, { repoUrl, connections: 1, seconds, pause: 20 }, provider);
}

async function createOverHttp(
  database: BenchDatabase,
  load: Omit<CreateHttpSpec, 'url' | 'token'>,
  provider?: BenchProvider,
): Promise<Created> {
  await using server = await startGroundcrewServer('api', database, provider);
  // Awaited here, before the server is stopped.
  return await runLoad<Created>('create-http', { ...load, url: server.url, token } satisfies CreateHttpSpec);
}
