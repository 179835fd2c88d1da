import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { instantProvider, startGroundcrew } from '../test/support/groundcrew-processes.ts';
import { memoryOf, memoryOptions } from '../test/support/memory.ts';
import { type StartedProcess, startProcess } from '../test/support/processes.ts';
import type { BenchDatabase } from './bench-database.ts';

export const token = 'token-of-the-benchmark';

const startMs = 30_000;
const providers = {
  instant: instantProvider,
  hanging: join(import.meta.dirname, 'hanging-provider.mjs'),
  talking: join(import.meta.dirname, 'talking-provider.mjs'),
};
export type BenchProvider = keyof typeof providers;

/** A server that is measured, in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  /** Empty for a process without an address. */
  readonly url: string;
  /** After a garbage collection. */
  memory(): Promise<NodeJS.MemoryUsage>;
  /** Milliseconds of processor time since its start, as Linux counts it. */
  cpuMs(): number;
  openSockets(): number;
}

/** Starts a Node program of this repository that prints `ready on URL` on a line once it accepts requests. */
export function startServer(program: readonly string[]): Promise<ServerProcess> {
  return measured(startProcess(['node', ...memoryOptions, ...program]));
}

export function startGroundcrewServer(
  role: 'api' | 'worker',
  database: BenchDatabase,
  provider: BenchProvider = 'instant',
  more: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const settings = {
    DATABASE_URL: database.url,
    GROUNDCREW_DATA_DIR: database.dataDir,
    GROUNDCREW_TOKEN: token,
    // The loads are made to exceed what one token may do.
    GROUNDCREW_RATE_LIMIT: '0',
    GROUNDCREW_PROVIDERS: providers[provider],
    GROUNDCREW_LOCAL_REPOS: 'allow',
    GROUNDCREW_CONCURRENCY: '2',
    ...more,
  };
  return measured(startGroundcrew(role, settings, memoryOptions));
}

async function measured(started: StartedProcess): Promise<ServerProcess> {
  const end = async () => {
    await started[Symbol.asyncDispose]();
    for (const line of started.stderr) process.stderr.write(`${line}\n`);
  };
  try {
    const [, url = ''] = await started.waitForLine(/ready(?: on (\S+))?$/, startMs);
    return {
      url,
      memory: () => memoryOf(started),
      cpuMs: () => processorMs(started.pid),
      openSockets: () => socketsOf(started.pid),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

/** Of user and system, which stand after the name of the program, in units of 10 ms (proc_pid_stat(5)). */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function socketsOf(pid: number): number {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).filter((name) => {
    try {
      return readlinkSync(join(dir, name)).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}
