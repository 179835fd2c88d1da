import { join } from 'node:path';
import type { BenchDatabase } from './bench-database.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export const token = 'token-of-the-benchmark';

export function startGroundcrewProcess(
  role: 'api' | 'worker',
  database: BenchDatabase,
  provider: 'instant' | 'hanging' = 'instant',
): Promise<ServerProcess> {
  return startServer(['src/main.ts', role], {
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: database.url,
    GROUNDCREW_DATA_DIR: database.dataDir,
    GROUNDCREW_TOKEN: token,
    GROUNDCREW_PROVIDERS: join(import.meta.dirname, 'providers', `${provider}.mjs`),
    GROUNDCREW_LOCAL_REPOS: 'allow',
    GROUNDCREW_CONCURRENCY: '2',
    LOG_LEVEL: 'error',
  });
}
