import { readdir, readFile } from 'node:fs/promises';
import { waitFor } from './wait-for.ts';

/** Set for a test run; every process that its tests start inherits it. */
export const markName = 'GROUNDCREW_TEST_RUN';

/** What was killed by the last test file may take a moment to be gone. */
const graceMs = 3_000;

interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Ends the processes of a test run that still live, and describes them. Linux only: elsewhere it finds none. */
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
  // Unreadable: another user's, or gone.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const environment = await read('environ');
  if (!environment.split('\0').includes(`${markName}=${mark}`)) return undefined;
  const status = await read('status');
  // Vitest's workers are our own children; what tests start are theirs, or nobody's.
  if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === process.pid) return undefined;
  const command = (await read('cmdline')).replaceAll('\0', ' ').trim();
  return command === '' ? undefined : { pid, command };
}
