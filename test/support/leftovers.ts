import { readdir, readFile } from 'node:fs/promises';
import { waitFor } from './wait-for.ts';

/** A variable of the environment that is set for a test run; every process that its tests start inherits it. */
export const markName = 'GROUNDCREW_TEST_RUN';

/** Milliseconds: a process that the last test file has killed may take a moment to end. */
const graceMs = 3_000;

interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Kills the processes of a test run that still run after `patienceMs`, and describes them. On Linux only. */
export async function endLeftovers(mark: string, patienceMs = graceMs): Promise<string[]> {
  let found: Leftover[] = [];
  const gone = async () => {
    found = await findMarked(mark);
    return found.length === 0;
  };
  try {
    await waitFor(gone, patienceMs);
  } catch {
    for (const { pid } of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }
  return found.map(({ pid, command }) => `  pid ${pid}: ${command}`);
}

async function findMarked(mark: string): Promise<Leftover[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(pids.map((pid) => inspect(pid, mark)));
  return found.filter((leftover) => leftover !== undefined);
}

async function inspect(pid: number, mark: string): Promise<Leftover | undefined> {
  // Unreadable when the process is another user's, or has ended.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const environment = await read('environ');
  if (!environment.split('\0').includes(`${markName}=${mark}`)) return undefined;
  const status = await read('status');
  // Vitest's workers are children of this process; what tests start are children of those, or have lost their parent.
  if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === process.pid) return undefined;
  const command = (await read('cmdline')).replaceAll('\0', ' ').trim();
  return command === '' ? undefined : { pid, command };
}
