import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from './processes.ts';

/** Not a promise of the product: a busy machine may take this long to start a process. */
const readyMs = 60_000;

/** What a process prints once it accepts requests, or takes jobs. */
const readyLine = {
  api: /^groundcrew ready on (http:\/\/\S+:\d+)$/,
  worker: /^groundcrew worker ready$/,
};

/** Settings of Groundcrew by their names in the environment. Undefined leaves one out. */
export type Settings = Readonly<Record<string, string | undefined>>;

export interface ApiProcess extends StartedProcess {
  readonly url: string;
}

/** Names the environment variable with the program that tests start instead of `src/launch.js`; see `bundled-program.ts`. */
export const programName = 'GROUNDCREW_TEST_RUN_PROGRAM';

/** The path of the program, which takes a command as its argument. */
export function program(): string {
  return process.env[programName] ?? 'src/launch.js';
}

/** A provider whose sandboxes are only names and whose methods answer at once. */
export const instantProvider = join(import.meta.dirname, 'instant-provider.mjs');

/**
 * Starts a command of Groundcrew, and does not wait until it is ready. Settings of the environment that runs the tests
 * do not reach it. Unless `settings` says otherwise it takes a free port and logs errors only.
 */
export function startGroundcrew(
  command: string,
  settings: Settings,
  nodeOptions: readonly string[] = [],
): StartedProcess {
  const inherited = Object.keys(process.env).filter((name) =>
    /^(HOST|PORT|DATABASE_URL|LOG_LEVEL|GROUNDCREW_(?!TEST_RUN).*)$/.test(name),
  );
  return startProcess(['node', ...nodeOptions, program(), command], {
    env: {
      ...Object.fromEntries(inherited.map((name) => [name, undefined])),
      PORT: '0',
      LOG_LEVEL: 'error',
      // Tests of load are no misuse.
      GROUNDCREW_RATE_LIMIT: '0',
      ...settings,
    },
  });
}

/** Waits until an API accepts requests, and returns its address. */
export async function apiUrl(started: StartedProcess): Promise<string> {
  return (await started.waitForLine(readyLine.api, readyMs))[1] as string;
}

export async function workerReady(started: StartedProcess): Promise<void> {
  await started.waitForLine(readyLine.worker, readyMs);
}

/** Processes that share settings, a token and a data folder of their own. Disposing kills them all and removes the folder. */
export class GroundcrewProcesses implements AsyncDisposable {
  static readonly token = 'token-of-the-test';

  /** All that were ever started. */
  readonly started: StartedProcess[] = [];
  readonly dataDir: string;
  readonly #settings: Settings;

  constructor(dataDir: string, settings: Settings) {
    this.dataDir = dataDir;
    this.#settings = {
      GROUNDCREW_DATA_DIR: dataDir,
      GROUNDCREW_TOKEN: GroundcrewProcesses.token,
      ...settings,
    };
  }

  static async create(settings: Settings = {}): Promise<GroundcrewProcesses> {
    return new GroundcrewProcesses(await mkdtemp(join(tmpdir(), 'groundcrew-data-')), settings);
  }

  /** Does not wait until the command is ready. `settings` are over those that all processes share. */
  start(command: string, settings: Settings = {}, nodeOptions?: readonly string[]): StartedProcess {
    const started = startGroundcrew(command, { ...this.#settings, ...settings }, nodeOptions);
    this.started.push(started);
    return started;
  }

  async startApi(settings?: Settings, nodeOptions?: readonly string[]): Promise<ApiProcess> {
    const started = this.start('api', settings, nodeOptions);
    return Object.assign(started, { url: await apiUrl(started) });
  }

  async startWorker(settings?: Settings): Promise<StartedProcess> {
    const started = this.start('worker', settings);
    await workerReady(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.started.map((each) => each[Symbol.asyncDispose]()));
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 10 });
  }
}
