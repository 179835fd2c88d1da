import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { isPidInUse } from '../../process-identity.ts';
import { DataDirInUseError } from './error.ts';

export interface Lock {
  release(): Promise<void>;
}

const sqliteBusy = 5;
const attempts = 50;
const pauseMs = 20;

/** A connection that is garbage-collected gives its lock back. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only one that uses the cluster in `dir`. Throws DataDirInUseError while another one does.
 *
 * SQLite is here for its file lock, which Node does not offer: the kernel gives it to exactly one process, and frees it
 * however that process ends. So kill -9 leaves no stale lock, and a reused pid does not matter.
 */
export async function lockClusterDir(dir: string, dataDir: string): Promise<Lock> {
  const pidFile = join(dir, 'owner.pid');
  for (let attempt = 1; ; attempt++) {
    const database = tryLock(join(dir, 'owner.lock'));
    if (database) {
      // The folder's owner cannot write a file that root left behind, only remove it.
      await rm(pidFile, { force: true });
      await writeFile(pidFile, `${process.pid}\n`);
      return {
        async release() {
          await rm(pidFile, { force: true });
          held.delete(database);
          database.close();
        },
      };
    }
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined;
    // A dead pid: the new owner has the lock and is about to write its pid.
    if (attempt === attempts || (pid !== undefined && isPidInUse(pid) !== false))
      throw new DataDirInUseError(dataDir, pid);
    await setTimeout(pauseMs);
  }
}

function tryLock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    held.add(database);
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    throw error;
  }
}
