import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A process. Its start time distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: clock ticks since boot on Linux, otherwise what `ps` prints. */
  readonly start: string;
}

const run = promisify(execFile);
const linux = process.platform === 'linux';

/** The process's start time; undefined when it does not exist or is a zombie. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  // The first process of a container has pid 1.
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
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

/** Whether some process has this pid, perhaps a zombie. Undefined: one of another user has it. */
export function isPidInUse(pid: number): boolean | undefined {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? undefined : false;
  }
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(identity.pid)) === identity.start;
}

let own: Promise<ProcessIdentity> | undefined;

export function currentProcess(): Promise<ProcessIdentity> {
  own ??= startTimeOf(process.pid).then((start) => ({ pid: process.pid, start: start ?? '' }));
  return own;
}
