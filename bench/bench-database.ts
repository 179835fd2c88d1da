import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startEmbedded } from '../src/db/embedded/start.ts';
import { openDatabase } from '../src/tables/database.ts';
import { migrate } from '../src/tables/migrate.ts';
import { TaskCreator } from '../src/tasks/create-task.ts';
import { View } from '../src/tasks/store/view/view.ts';
import { ownersViewer } from '../src/tasks/store/workspaces.ts';

export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  /** A folder for what the servers keep. */
  readonly dataDir: string;
  createTasks(count: number, repoUrl?: string): Promise<string[]>;
  /** The owner's. */
  workspaceId(): Promise<string>;
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
    await migrate(url);
    const db = parts.adopt(await openDatabase(url, { poolSize: 8 }), (each) => each.close());
    const offer = { providers: ['instant'], defaultAgent: 'demo', allowLocalRepos: true } as const;
    const creator = new TaskCreator(db, offer);
    return {
      url,
      dataDir,
      async createTasks(count, repoUrl = 'https://example.com/a/b') {
        const view = new View(db, await ownersViewer(db));
        const inputs = Array.from({ length: count }, (_, index) => ({
          repoUrl,
          prompt: `Fix test ${index}`,
        }));
        const tasks = await Promise.all(inputs.map((input) => creator.create(view, input)));
        return tasks.map((task) => task.id);
      },
      workspaceId: async () => (await ownersViewer(db)).workspace.id,
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}
