import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { currentProcess, isAlive, type ProcessIdentity } from '../../../process-identity.ts';
import { readWritten, writeOnce } from '../exclusive-file.ts';

const heartbeatMs = 1_000;
const staleMs = 8_000;

/**
 * Calls `work` while no other process does so under the same path. A process that has died, or whose heartbeat has
 * stopped, loses its lease to one that waits.
 *
 * A lease only avoids doing work twice. The work MUST be correct without it, because a process may have lost its lease
 * without knowing.
 */
export async function withLease<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const mine = { ...(await currentProcess()), nonce: randomBytes(8).toString('hex') };
  let seen: Heartbeat | undefined;
  while (!(await writeOnce(path, mine))) {
    signal.throwIfAborted();
    seen = await lookAt(path, seen);
    if (seen?.isStale) await takeAway(path);
    else await delay(50, undefined, { signal });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    const holder = await readWritten<{ nonce: string }>(path).catch(() => undefined);
    if (holder?.nonce === mine.nonce) await rm(path, { force: true });
  }
}

/** What another process has last shown of itself, and since when, by `performance.now()`: clocks may be set meanwhile. */
interface Heartbeat {
  readonly mtimeMs: number;
  readonly since: number;
  readonly isStale: boolean;
}

/** Undefined when the lease has just been released. */
async function lookAt(path: string, before: Heartbeat | undefined): Promise<Heartbeat | undefined> {
  try {
    const holder: ProcessIdentity = JSON.parse(await readFile(path, 'utf8'));
    const { mtimeMs } = await stat(path);
    const now = performance.now();
    const since = before?.mtimeMs === mtimeMs ? before.since : now;
    return { mtimeMs, since, isStale: now - since > staleMs || !(await isAlive(holder)) };
  } catch {
    return undefined;
  }
}

async function takeAway(path: string): Promise<void> {
  const aside = `${path}~${randomBytes(6).toString('hex')}`;
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
}
