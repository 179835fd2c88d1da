import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { startEmbedded } from '../src/db/embedded/start.ts';
import { openDatabase } from '../src/tables/database.ts';
import { migrate } from '../src/tables/migrate.ts';
import { TaskCreator } from '../src/tasks/create-task.ts';
import { View } from '../src/tasks/store/view/view.ts';
import { ownersViewer } from '../src/tasks/store/workspaces.ts';
import { SeededRandom } from '../test/support/seeded-random.ts';

export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  /** A folder for what the servers keep. */
  readonly dataDir: string;
  /** `promptLength`: in characters, at least. */
  createTasks(count: number, repoUrl?: string, promptLength?: number): Promise<string[]>;
  /** The owner's. */
  workspaceId(): Promise<string>;
  /** Another database of the same PostgreSQL, with nothing in it, for a measurement after this one's. */
  another(): Promise<BenchDatabase>;
}

/** An embedded PostgreSQL of its own, with the settings that users get. */
export async function startBenchDatabase(): Promise<BenchDatabase> {
  const parts = new AsyncDisposableStack();
  try {
    const dataDir = parts.adopt(await mkdtemp(join(tmpdir(), 'groundcrew-bench-')), (dir) =>
      rm(dir, { recursive: true, force: true }),
    );
    // As root another user runs the database, and must pass.
    await chmod(dataDir, 0o711);
    const logger = pino({ level: 'silent' });
    const { url } = parts.adopt(await startEmbedded({ dataDir, logger }), (each) => each.stop());
    return await openBenchDatabase(url, dataDir, parts);
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

/** `parts` end with the database. */
async function openBenchDatabase(
  url: string,
  dataDir: string,
  parts: AsyncDisposableStack,
): Promise<BenchDatabase> {
  await migrate(url);
  const db = parts.adopt(await openDatabase(url, { poolSize: 8 }), (each) => each.close());
  const offer = { providers: ['instant'], defaultAgent: 'demo', allowLocalRepos: true } as const;
  const creator = new TaskCreator(db, offer);
  /** Each task has a title of its own: the branches of those with the same one are numbered, which takes a look for each. */
  let created = 0;
  return {
    url,
    dataDir,
    async createTasks(count, repoUrl = 'https://example.com/a/b', promptLength = 0) {
      const view = new View(db, await ownersViewer(db));
      const inputs = Array.from({ length: count }, () => {
        created += 1;
        return { repoUrl, prompt: promptOf(created, promptLength) };
      });
      const tasks = await Promise.all(inputs.map((input) => creator.create(view, input)));
      return tasks.map((task) => task.id);
    },
    workspaceId: async () => (await ownersViewer(db)).workspace.id,
    another: async () => openBenchDatabase(await createDatabase(url), dataDir, new AsyncDisposableStack()),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Longer ones are of words of which few are frequent, as in any text. */
function promptOf(index: number, length: number): string {
  const random = new SeededRandom(index);
  let prompt = `Fix test ${index}`;
  while (prompt.length < length) prompt += ` word${Math.floor(5_000 * random.next() ** 2)}`;
  return prompt;
}

async function createDatabase(serverUrl: string): Promise<string> {
  const url = new URL(serverUrl);
  url.pathname = `/bench_${randomUUID().replaceAll('-', '')}`;
  const client = new Client(serverUrl);
  await client.connect();
  await client.query(`CREATE DATABASE ${url.pathname.slice(1)} TEMPLATE template0`);
  await client.end();
  return url.href;
}
