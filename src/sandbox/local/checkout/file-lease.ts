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
  while (!(await writeOnce(path, mine))) {
    signal.throwIfAborted();
    if (await isStale(path)) await takeAway(path);
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

async function isStale(path: string): Promise<boolean> {
  try {
    const holder: ProcessIdentity = JSON.parse(await readFile(path, 'utf8'));
    if (!(await isAlive(holder))) return true;
    return Date.now() - (await stat(path)).mtimeMs > staleMs;
  } catch {
    return false; // it has just been released
  }
}

async function takeAway(path: string): Promise<void> {
  const aside = `${path}~${randomBytes(6).toString('hex')}`;
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
}
