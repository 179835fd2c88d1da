import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { currentProcess, isPidInUse, startTimeOf } from '../../process-identity.ts';
import type { WorkerProcess } from '../../tasks/store/worker-registry.ts';

/** `gone`: the process has ended. `unknown`: it cannot be seen from here. */
export type ProcessState = 'alive' | 'gone' | 'unknown';

let own: Promise<WorkerProcess | null> | undefined;

/** What other processes can recognize this one by; null on systems other than Linux, and for the first process of a container. */
export function ownProcess(): Promise<WorkerProcess | null> {
  own ??= readOwnProcess();
  return own;
}

/** Looks at a worker's process: what the operating system says of it is certain, where all else is a guess from time. */
export async function stateOf(worker: WorkerProcess | null): Promise<ProcessState> {
  const self = await ownProcess();
  if (!worker || worker.host !== self?.host) return 'unknown';
  const isVisible = isPidInUse(worker.pid);
  if (isVisible === false) return 'gone';
  const start = await startTimeOf(worker.pid);
  if (start === worker.start) return 'alive';
  // Another user's process may exist and yet not be shown (`hidepid`).
  return start === undefined && isVisible === undefined ? 'unknown' : 'gone';
}

async function readOwnProcess(): Promise<WorkerProcess | null> {
  if (process.platform !== 'linux') return null;
  const { pid, start } = await currentProcess();
  if (start === '') return null;
  try {
    // Pids mean the same to two processes only where both are equal.
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const namespace = await readlink('/proc/self/ns/pid');
    return { host: `${hostname()} ${boot} ${namespace}`, pid, start };
  } catch {
    return null;
  }
}
