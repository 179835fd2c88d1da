import type { Config } from '../config.ts';
import { ConfigError } from '../config.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import type { Logger } from '../log.ts';
import { createLocalProvider } from '../sandbox/local/local-provider.ts';
import { loadProviders, type Providers } from '../sandbox/registry.ts';
import { type Database, openDatabase } from '../tables/database.ts';
import { migrate } from '../tables/migrate.ts';
import { createListener, type Listener } from '../tasks/store/wake-up-listener.ts';
import { Worker } from '../worker/worker.ts';

/** What a process does: both roles with a database of its own where none is given, or one of them. */
export type Role = 'start' | 'api' | 'worker';

export interface Groundcrew {
  /** Undefined for a worker. */
  readonly url: string | undefined;
  /** Rejects when it can't go on. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Connections of a process to the database, beside the few that have a purpose of their own. */
const poolSize = 10;

/** Puts the parts together. What was started is stopped again when a later part can't start. */
export async function startGroundcrew(role: Role, config: Config, logger: Logger): Promise<Groundcrew> {
  const parts = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  try {
    const { databaseUrl, exclusive } = await findDatabase(role, config, logger, parts, failed.reject);
    await migrate(databaseUrl);
    const db = parts.adopt(await openDatabase(databaseUrl, { poolSize }), (each) => each.close());
    const { dataDir, allowLocalRepos } = config;
    const providers = await loadProviders(config.providers, {
      local: () => {
        const local = createLocalProvider({ dataDir, allowLocalRepos, logger });
        // One command to start, one to stop. Apart, workers leave the agents to the next one.
        if (role === 'start') parts.defer(() => local.endAgents(AbortSignal.timeout(5_000)));
        return local;
      },
    });
    const listener = parts.adopt(createListener({ url: databaseUrl, logger }), (each) => each.stop());
    await listener.start();
    const shared = { config, logger, databaseUrl, db, providers, listener };

    if (role !== 'api') await startWorker({ ...shared, exclusive }, parts);
    // Imported by processes that serve the API only: it is half of what there is to import, and a killed worker is awaited.
    const url =
      role === 'worker' ? undefined : await (await import('./start-api.ts')).startApi(shared, parts);
    return { url, failed: failed.promise, stop: () => parts.disposeAsync() };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

interface Shared {
  readonly config: Config;
  readonly logger: Logger;
  readonly databaseUrl: string;
  readonly db: Database;
  readonly providers: Providers;
  readonly listener: Listener;
}

async function findDatabase(
  role: Role,
  config: Config,
  logger: Logger,
  parts: AsyncDisposableStack,
  onLost: (reason: Error) => void,
): Promise<{ databaseUrl: string; exclusive: boolean }> {
  if (config.databaseUrl !== undefined) return { databaseUrl: config.databaseUrl, exclusive: false };
  if (role !== 'start') {
    throw new ConfigError('DATABASE_URL: is required, for more than one process to share the database');
  }
  const embedded = parts.adopt(await startEmbedded({ dataDir: config.dataDir, logger }), (each) =>
    each.stop(),
  );
  void embedded.exited.then((reason) => reason && onLost(reason));
  return { databaseUrl: embedded.url, exclusive: true };
}

async function startWorker(
  shared: Shared & { readonly exclusive: boolean },
  parts: AsyncDisposableStack,
): Promise<void> {
  const worker = parts.adopt(new Worker(shared), (each) => each.stop());
  await worker.start();
}
