import { loadConfig } from '../config.ts';
import { startEmbedded } from '../db/embedded/start.ts';
import { createLogger } from '../log.ts';
import { migrate } from '../tables/migrate.ts';

/** Brings the database up to date. Returns the exit code. */
export async function runMigrations(): Promise<number> {
  const { databaseUrl, dataDir, logLevel } = loadConfig(process.env);
  if (databaseUrl !== undefined) {
    await migrate(databaseUrl);
    return 0;
  }
  const embedded = await startEmbedded({ dataDir, logger: createLogger(logLevel) });
  try {
    await migrate(embedded.url);
  } finally {
    await embedded.stop();
  }
  return 0;
}
