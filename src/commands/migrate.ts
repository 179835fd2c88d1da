import { prepareDatabase } from '../app/prepare-database.ts';
import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { loadConfig } from '../config.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import { createLogger } from '../log.ts';

/** Brings the database up to date. Returns the exit code. */
export async function runMigrations(): Promise<number> {
  const { databaseUrl, dataDir, logLevel } = loadConfig(process.env);
  const logger = createLogger(logLevel);
  const shutdown = onShutdownSignal(logger);
  await using parts = new AsyncDisposableStack();
  const url =
    databaseUrl ?? parts.adopt(await startEmbedded({ dataDir, logger }), (embedded) => embedded.stop()).url;
  try {
    const setting = databaseUrl === undefined ? 'GROUNDCREW_DATA_DIR' : 'DATABASE_URL';
    await prepareDatabase({ url, setting, logger, signal: shutdown });
  } catch (error) {
    if (shutdown.aborted) return 1;
    throw error;
  }
  return 0;
}
