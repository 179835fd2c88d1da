import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, startTimeOf } from '../../process-identity.ts';

// Processes are found by markers: entries of their environment, NAME=VALUE, which children inherit.

/** Every process that runs in a sandbox has it. */
export function sandboxMarker(location: string, key: string): string {
  return `GROUNDCREW_SANDBOX=${location}/${key}`;
}

/** The processes of one agent server have it, to distinguish them from those of the next one. */
export function serverMarker(number: number): string {
  return `GROUNDCREW_AGENT_SERVER=${number}`;
}

/** The environment variables that the markers are. */
export function markersEnvironment(...markers: readonly string[]): Record<string, string> {
  return Object.fromEntries(markers.map((marker) => marker.split('=', 2)));
}

const linux = process.platform === 'linux';

/**
 * Whether the process has the marker. Undefined when its environment cannot be read: for a moment while it
 * starts another program (`exec`), and always on systems other than Linux.
 */
export async function hasMarker(pid: number, marker: string): Promise<boolean | undefined> {
  const environment = await environmentOf(pid);
  return environment.length === 0 ? undefined : environment.includes(marker);
}

/** The pids of all processes that have all the markers. Linux only: it finds none on other systems. */
export async function findProcesses(markers: readonly string[]): Promise<number[]> {
  if (!linux) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const isWanted = await Promise.all(
    pids.map(async (pid) => {
      const environment = await environmentOf(pid);
      return (
        markers.every((marker) => environment.includes(marker)) && (await startTimeOf(pid)) !== undefined
      );
    }),
  );
  return pids.filter((pid, index) => isWanted[index] && pid !== process.pid);
}

async function environmentOf(pid: number): Promise<string[]> {
  if (!linux) return [];
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return text.split('\0').filter((entry) => entry !== '');
}

/**
 * Kills the process groups of `leaders` and all processes that `findProcesses` finds, and returns when none is left.
 * It searches again after each round, because a process that is forked during a search is found by the next one only.
 */
export async function killProcesses(
  markers: readonly string[],
  leaders: readonly ProcessIdentity[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const alive: number[] = [];
    for (const leader of leaders) {
      // The pid comes from a file, and -1 would be every process of the machine.
      if (leader.pid > 1 && (await isAlive(leader))) {
        kill(-leader.pid);
        alive.push(leader.pid);
      }
    }
    for (const pid of await findProcesses(markers)) {
      kill(pid);
      alive.push(pid);
    }
    if (alive.length === 0) return;
    await delay(20, undefined, { signal });
  }
}

/** A negative pid is a process group. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it has ended. EPERM: another user's process, so not one that we started.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
