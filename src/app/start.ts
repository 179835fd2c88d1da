import type { Config } from '../config.ts';
import { ConfigError } from '../config.ts';
import type { ConnectionNeeds } from '../db/check-server.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import type { Logger } from '../log.ts';
import { Metrics } from '../metrics/metrics.ts';
import { createLocalProvider, type LocalProvider } from '../sandbox/local/local-provider.ts';
import { loadProviders } from '../sandbox/registry.ts';
import type { MetricsServerOptions } from '../server/metrics-server.ts';
import { openDatabase } from '../tables/database.ts';
import { readFigures } from '../tasks/store/figures.ts';
import { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { readLocations } from '../worker/locations.ts';
import { listeningConnections, Worker } from '../worker/worker.ts';
import { healthReport } from './health-report.ts';
import { prepareDatabase } from './prepare-database.ts';
import { untilAborted } from './until-aborted.ts';
import { DatabaseWait } from './wait-for-database.ts';

/** What a process does: `start` has both roles, and an embedded database unless DATABASE_URL is set. */
export type Role = 'start' | 'api' | 'worker';

/** The fewest connections: of the listener, the worker's session, the runners of jobs, and one for all else. */
const needs = {
  start: { command: 'npm start', connections: 3 + listeningConnections },
  worker: { command: 'npm run worker', connections: 3 + listeningConnections },
  api: { command: 'npm run api', connections: 2 },
} as const satisfies Record<Role, ConnectionNeeds>;

export interface Groundcrew {
  /** Undefined for a worker. */
  readonly url: string | undefined;
  /** Makes a link that signs a browser in as the owner, once. Undefined for a worker. */
  readonly createSignInLink: (() => string) | undefined;
  /** Rejects when the embedded database is lost for good. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Starts the parts of a role. When one fails to start, or the signal aborts before all have, those before it are stopped
 * again; rejects with the reason.
 */
export async function startGroundcrew(
  role: Role,
  config: Config,
  logger: Logger,
  signal: AbortSignal = new AbortController().signal,
): Promise<Groundcrew> {
  const parts = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  try {
    const { databaseUrl, exclusive } = await findDatabase(role, config, logger, parts, failed.reject);
    const setting = exclusive ? 'GROUNDCREW_DATA_DIR' : 'DATABASE_URL';
    await prepareDatabase({ url: databaseUrl, setting, needs: needs[role], logger, signal });
    const poolSize = config.dbPool + (role === 'api' ? 0 : listeningConnections);
    const wait = new DatabaseWait({ logger, signal, wasUsed: true });
    const db = parts.adopt(await openDatabase(databaseUrl, { poolSize, onRefused: wait.warn }), (each) =>
      each.close(),
    );
    parts.defer(() => db.clock.stop());
    const onError = (error: unknown) =>
      logger.debug({ err: error }, 'could not read the clock of the database');
    await untilAborted(db.clock.start(onError), signal);
    const { dataDir, allowLocalRepos } = config;
    const providers = await loadProviders(config.providers, {
      local: () => {
        const local = createLocalProvider({ dataDir, allowLocalRepos, logger });
        // `npm start` is the whole installation, so its agents end with it. Separate workers leave them to the next worker.
        if (role === 'start') parts.defer(() => endAgents(local, logger));
        return local;
      },
    });
    const keepsCredentials = role !== 'worker';
    const listener = parts.adopt(
      new WakeUpListener({ url: databaseUrl, pool: db.pool, logger, keepsCredentials }),
      (each) => each.stop(),
    );
    await untilAborted(listener.start(), signal);
    const metrics = new Metrics();
    metrics.addPool(db.pool);
    metrics.addDatabaseFigures(() => readFigures(db));
    const shared = { config, logger, databaseUrl, db, providers, listener, metrics };

    if (role !== 'api') {
      const locations = await readLocations(providers);
      const worker = parts.adopt(new Worker({ ...shared, exclusive, locations }), (each) => each.stop());
      await untilAborted(worker.start(), signal);
    }
    if (role === 'worker' && config.metricsPort !== undefined) {
      const served = { metrics, healthReport: () => healthReport(db, listener) };
      await startMetricsServer(config.metricsPort, config, served, logger, parts);
    }
    // The sessions may have taken all connections that the server allows.
    await wait.for(() => db.requireWritable());
    // Loaded lazily: the API is half of all modules, and a restarted worker should start fast.
    const module = role === 'worker' ? undefined : await import('./start-api.ts');
    const api = module && (await untilAborted(module.startApi({ ...shared, wait }, parts), signal));
    return {
      url: api?.url,
      createSignInLink: api?.createSignInLink,
      failed: failed.promise,
      stop: () => parts.disposeAsync(),
    };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

/** An API server serves its metrics itself. Throws ConfigError when it cannot listen, or would be open to everybody. */
async function startMetricsServer(
  port: number,
  { host, token }: Config,
  served: Pick<MetricsServerOptions, 'metrics' | 'healthReport'>,
  logger: Logger,
  parts: AsyncDisposableStack,
): Promise<void> {
  const { MetricsServer } = await import('../server/metrics-server.ts');
  if (token === undefined && MetricsServer.needsToken(host)) {
    throw new ConfigError(
      'GROUNDCREW_TOKEN must be set where GROUNDCREW_METRICS_PORT is and HOST is no loopback address: metrics are for the owner alone.',
    );
  }
  const server = new MetricsServer({ host, port, token, ...served });
  try {
    const listening = await server.start();
    logger.info({ host, port: listening.port }, 'serving metrics');
  } catch (error) {
    throw new ConfigError(
      `GROUNDCREW_METRICS_PORT cannot be used: ${(error as Error).message}. Choose another one.`,
      {
        cause: error,
      },
    );
  }
  parts.defer(() => server.stop());
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
    throw new ConfigError(
      `DATABASE_URL must be set: ${needs[role].command} shares its database with other processes.`,
    );
  }
  const embedded = parts.adopt(await startEmbedded({ dataDir: config.dataDir, logger }), (each) =>
    each.stop(),
  );
  void embedded.exited.then((reason) => reason && onLost(reason));
  return { databaseUrl: embedded.url, exclusive: true };
}

/** What is left of them is reported, and does not keep the other parts from stopping. */
async function endAgents(local: LocalProvider, logger: Logger): Promise<void> {
  try {
    await local.endAgents(AbortSignal.timeout(5_000));
  } catch (error) {
    logger.error({ err: error }, 'the agents could not be ended in time');
  }
}
