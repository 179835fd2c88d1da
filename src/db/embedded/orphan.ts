import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '../../log.ts';
import { EmbeddedPostgresError } from './error.ts';

/** Fast shutdown, immediate shutdown, kill; with the milliseconds that each has to work. */
const escalation = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 1_000],
  ['SIGKILL', 2_000],
] as const;
const pauseMs = 20;

/** The pid that a server wrote into its data folder. It may be dead, or belong to another process by now. */
export async function postmasterPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  return Number.parseInt(text, 10) || undefined;
}

/** Ends a server that outlived the process that started it. The caller MUST hold the lock: no live process uses the server. */
export async function endOrphans(data: string, logger: Logger): Promise<void> {
  let pids = await findServers(data);
  if (pids.length === 0) return;
  logger.warn({ pids }, 'ending the database server that an earlier process left behind');
  for (const [signal, timeoutMs] of escalation) {
    const postmaster = await postmasterPid(data);
    // The postmaster ends its children; they are ended one by one only when it is gone or ignores its signals.
    const leader = signal !== 'SIGKILL' && pids.find((pid) => pid === postmaster);
    for (const pid of leader ? [leader] : pids) send(pid, signal);
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      pids = await findServers(data);
      if (pids.length === 0) return;
      await setTimeout(pauseMs);
    }
  }
  throw new EmbeddedPostgresError(`a database server of ${data} could not be ended (pid ${pids.join(', ')})`);
}

/** Looks at the program and folder of each process, not only at a pid: pids are reused. */
async function findServers(data: string): Promise<number[]> {
  if (process.platform !== 'linux') {
    const pid = await postmasterPid(data);
    return pid !== undefined && (await commandOf(pid)).includes(`-D ${data}`) ? [pid] : [];
  }
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const own = await Promise.all(pids.map((pid) => isServerOf(pid, data)));
  return pids.filter((_, index) => own[index]);
}

/** All processes of a PostgreSQL server have its data folder as working folder. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  // Unreadable: another user's process.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (cwd !== data) return false;
  const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
  return /\/postgres( \(deleted\))?$/.test(program);
}

async function commandOf(pid: number): Promise<string> {
  return promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}
