import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A process. Its start time distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: clock ticks since boot on Linux, otherwise what `ps` prints. */
  readonly start: string;
}

/** The sandbox's folder, in the environment of every process that runs in the sandbox; children inherit it. */
export const sandboxEnvVar = 'GROUNDCREW_SANDBOX';

const run = promisify(execFile);
const linux = process.platform === 'linux';

/** The process's start time; undefined when it does not exist or is a zombie. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  if (linux) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The second field is the command in parentheses, which may contain anything: count the fields after it.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  }
  const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env: { ...process.env, LC_ALL: 'C' },
  }).catch(() => ({ stdout: '' }));
  const [, state, started] = /^\s*(\S+)\s+(.*?)\s*$/.exec(stdout) ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : started?.replaceAll(/\s+/g, '_');
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(identity.pid)) === identity.start;
}

let own: Promise<ProcessIdentity> | undefined;

export function currentProcess(): Promise<ProcessIdentity> {
  own ??= startTimeOf(process.pid).then((start) => ({ pid: process.pid, start: start ?? '' }));
  return own;
}

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
      if (await isAlive(leader)) {
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

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it has ended. EPERM: another user's process, so not one that we started.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
