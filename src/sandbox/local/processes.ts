import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, startTimeOf } from '../../process-identity.ts';

/** The sandbox's folder, in the environment of every process that runs in the sandbox; children inherit it. */
export const sandboxEnvVar = 'GROUNDCREW_SANDBOX';

const linux = process.platform === 'linux';

/**
 * Whether the process runs in the sandbox at `root`. Undefined when its environment cannot be read: for a moment while it
 * starts another program (`exec`), and always on systems other than Linux.
 */
export async function hasSandboxMarker(pid: number, root: string): Promise<boolean | undefined> {
  const environment = await environmentOf(pid);
  return environment.length === 0 ? undefined : environment.includes(`${sandboxEnvVar}=${root}`);
}

/**
 * The pids of all processes that run in the sandbox at `root` and, if it is given, have the entry `marker` in their
 * environment. Linux only: it finds none on other systems.
 */
export async function findSandboxProcesses(root: string, marker?: string): Promise<number[]> {
  if (!linux) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const wanted = [`${sandboxEnvVar}=${root}`, ...(marker === undefined ? [] : [marker])];
  const isWanted = await Promise.all(
    pids.map(async (pid) => {
      const environment = await environmentOf(pid);
      return wanted.every((entry) => environment.includes(entry)) && (await startTimeOf(pid)) !== undefined;
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
 * Kills the process groups of `leaders` and all processes that `findSandboxProcesses` finds, and returns when none is left.
 * It searches again after each round, because a process that is forked during a search is found by the next one only.
 */
export async function killSandboxProcesses(
  root: string,
  leaders: readonly ProcessIdentity[],
  signal: AbortSignal,
  marker?: string,
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
    for (const pid of await findSandboxProcesses(root, marker)) {
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
