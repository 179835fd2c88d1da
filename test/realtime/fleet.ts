import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from '../support/processes.ts';

export const token = 'token-of-the-fleet';

/** Real processes of `main.ts`. */
export interface Fleet extends AsyncDisposable {
  /** An API, once it is ready. */
  startApi(databaseUrl: string, nodeOptions?: readonly string[]): Promise<Api>;
  startWorker(databaseUrl: string): Promise<StartedProcess>;
}

export interface Api {
  readonly url: string;
  readonly process: StartedProcess;
}

export async function createFleet(): Promise<Fleet> {
  const dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-fleet-'));
  const processes = new Set<StartedProcess>();

  function start(role: 'api' | 'worker', databaseUrl: string, nodeOptions: readonly string[] = []) {
    const started = startProcess(['node', ...nodeOptions, 'src/main.ts', role], {
      env: {
        HOST: undefined,
        PORT: '0',
        DATABASE_URL: databaseUrl,
        GROUNDCREW_DATA_DIR: dataDir,
        GROUNDCREW_TOKEN: token,
        GROUNDCREW_PROVIDERS: join(import.meta.dirname, 'instant-provider.mjs'),
        GROUNDCREW_LOCAL_REPOS: 'allow',
        LOG_LEVEL: 'error',
      },
    });
    processes.add(started);
    return started;
  }

  return {
    async startApi(databaseUrl, nodeOptions) {
      const started = start('api', databaseUrl, nodeOptions);
      const [, url] = await started.waitForLine(/^groundcrew ready on (\S+)$/, 30_000);
      return { url: url as string, process: started };
    },
    async startWorker(databaseUrl) {
      const started = start('worker', databaseUrl);
      await started.waitForLine(/^groundcrew worker ready$/, 30_000);
      return started;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...processes].map((started) => started[Symbol.asyncDispose]()));
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
