import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A process, told apart from a later one with the same pid by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; clock ticks since boot on Linux. */
  readonly start: string;
}

/** Set in the environment of everything that runs in a sandbox, to the sandbox's folder, and inherited from there. */
export const sandboxEnvVar = 'GROUNDCREW_SANDBOX';

const run = promisify(execFile);
const linux = process.platform === 'linux';

/** When the process started; undefined when there is none, or only its zombie. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  if (linux) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The second field is the command in brackets and may hold anything: count from its end.
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
  return (await startOf(identity.pid)) === identity.start;
}

let own: Promise<ProcessIdentity> | undefined;

export function currentProcess(): Promise<ProcessIdentity> {
  own ??= startOf(process.pid).then((start) => ({ pid: process.pid, start: start ?? '' }));
  return own;
}

/**
 * Whether a process of this pid carries the sandbox's mark; undefined when its environment cannot be read, which is so
 * for a moment while it becomes another program (`exec`), and always elsewhere than on Linux.
 */
export async function hasSandboxMarker(pid: number, root: string): Promise<boolean | undefined> {
  const environment = await environmentOf(pid);
  return environment.length === 0 ? undefined : environment.includes(`${sandboxEnvVar}=${root}`);
}

/**
 * Pids of all processes that carry the mark of the sandbox at `root`, and `also` in their environment. Linux only:
 * elsewhere none are found.
 */
export async function findSandboxProcesses(root: string, also?: string): Promise<number[]> {
  if (!linux) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const wanted = [`${sandboxEnvVar}=${root}`, ...(also === undefined ? [] : [also])];
  const ours = await Promise.all(
    pids.map(async (pid) => {
      const environment = await environmentOf(pid);
      return wanted.every((entry) => environment.includes(entry)) && (await startOf(pid)) !== undefined;
    }),
  );
  return pids.filter((pid, index) => ours[index] && pid !== process.pid);
}

async function environmentOf(pid: number): Promise<string[]> {
  if (!linux) return [];
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return text.split('\0').filter((entry) => entry !== '');
}

/**
 * Kills the given process groups and everything that carries the mark of `root`, and returns when all are gone. Looks
 * again after each round: what was just being forked carries the mark by then.
 */
export async function killSandbox(
  root: string,
  leaders: readonly ProcessIdentity[],
  signal: AbortSignal,
  also?: string,
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
    for (const pid of await findSandboxProcesses(root, also)) {
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
    // Gone already. Another user's process (EPERM) cannot be one that we started.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
