import type { Config } from '../config.ts';
import { ConfigError } from '../config.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import type { Logger } from '../log.ts';
import { createLocalProvider } from '../sandbox/local/local-provider.ts';
import { loadProviders, type Providers } from '../sandbox/registry.ts';
import { type Database, openDatabase } from '../tables/database.ts';
import { migrate } from '../tables/migrate.ts';
import { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { readLocations } from '../worker/locations.ts';
import { Worker } from '../worker/worker.ts';

/** What a process does: `start` has both roles, and an embedded database unless DATABASE_URL is set. */
export type Role = 'start' | 'api' | 'worker';

export interface Groundcrew {
  /** Undefined for a worker. */
  readonly url: string | undefined;
  /** Rejects when the embedded database is lost for good. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Connections in the pool. Listener, heartbeat and job pool have connections of their own. */
const poolSize = 10;

/** Starts the parts of a role. When one fails to start, those before it are stopped again. */
export async function startGroundcrew(role: Role, config: Config, logger: Logger): Promise<Groundcrew> {
  const parts = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  try {
    const { databaseUrl, exclusive } = await findDatabase(role, config, logger, parts, failed.reject);
    await migrate(databaseUrl);
    const db = parts.adopt(await openDatabase(databaseUrl, { poolSize }), (each) => each.close());
    parts.defer(() => db.clock.stop());
    await db.clock.start((error) => logger.debug({ err: error }, 'could not read the clock of the database'));
    const { dataDir, allowLocalRepos } = config;
    const providers = await loadProviders(config.providers, {
      local: () => {
        const local = createLocalProvider({ dataDir, allowLocalRepos, logger });
        // `npm start` is the whole installation, so its agents end with it. Separate workers leave them to the next worker.
        if (role === 'start') parts.defer(() => local.endAgents(AbortSignal.timeout(5_000)));
        return local;
      },
    });
    const listener = parts.adopt(new WakeUpListener({ url: databaseUrl, logger }), (each) => each.stop());
    await listener.start();
    const shared = { config, logger, databaseUrl, db, providers, listener };

    if (role !== 'api') await startWorker({ ...shared, exclusive }, parts);
    // Loaded lazily: the API is half of all modules, and a restarted worker should start fast.
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
  readonly listener: WakeUpListener;
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
  const locations = await readLocations(shared.providers);
  const worker = parts.adopt(new Worker({ ...shared, locations }), (each) => each.stop());
  await worker.start();
}
