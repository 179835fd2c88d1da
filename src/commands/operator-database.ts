import { prepareDatabase } from '../app/prepare-database.ts';
import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { loadConfig } from '../config.ts';
import { DataDirInUseError } from '../db/embedded/error.ts';
import { runningEmbeddedUrl } from '../db/embedded/running.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import { createLogger } from '../log.ts';
import { type Database, openDatabase } from '../tables/database.ts';
import { WakeUpListener } from '../tasks/store/wake-up-listener.ts';

export interface OperatorDatabase {
  readonly db: Database;
  /** Hears what the servers tell one another. Stopped when the command ends. */
  listen(): Promise<WakeUpListener>;
}

/**
 * Gives a command of the operator the database, brought up to date: that of DATABASE_URL, or the embedded one, whether a
 * server runs on it or not.
 */
export async function withDatabase<T>(work: (database: OperatorDatabase) => Promise<T>): Promise<T> {
  const config = loadConfig(process.env);
  const logger = createLogger(config.logLevel);
  const signal = onShutdownSignal(logger);
  await using parts = new AsyncDisposableStack();
  const url = config.databaseUrl ?? (await embedded(config.dataDir, parts));
  const setting = config.databaseUrl === undefined ? 'GROUNDCREW_DATA_DIR' : 'DATABASE_URL';
  await prepareDatabase({ url, setting, logger, signal });
  const db = parts.adopt(await openDatabase(url, { poolSize: 2 }), (each) => each.close());
  parts.defer(() => db.clock.stop());
  await db.clock.start(() => {});
  // Awaited here: the database is closed when this function returns.
  return await work({
    db,
    listen: async () => {
      const listener = parts.adopt(new WakeUpListener({ url, logger, pool: db.pool }), (each) => each.stop());
      await listener.start();
      return listener;
    },
  });
}

async function embedded(dataDir: string, parts: AsyncDisposableStack): Promise<string> {
  try {
    const started = await startEmbedded({ dataDir, logger: createLogger('silent') });
    return parts.adopt(started, (each) => each.stop()).url;
  } catch (error) {
    if (error instanceof DataDirInUseError) return runningEmbeddedUrl(dataDir);
    throw error;
  }
}
