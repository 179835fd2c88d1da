import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgresError } from './error.ts';
import { type Account, canRun } from './tool.ts';

export function canEnter(account: Account, dir: string): Promise<boolean> {
  return canRun(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', dir]);
}

/** A folder of root that the account can enter, for files that it cannot reach in their own place (under /root). */
export async function sharedDir(account: Account): Promise<string> {
  for (const base of ['/var/lib', tmpdir()]) {
    const dir = join(base, 'groundcrew');
    try {
      await mkdir(dir, { mode: 0o755 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') continue;
    }
    const found = await lstat(dir);
    // In a temporary folder another user could have made it, with binaries of their own.
    const ours = found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0;
    if (ours && (await canEnter(account, dir))) return dir;
  }
  throw new EmbeddedPostgresError(
    `as root PostgreSQL runs as user ${account.name}, and no folder was found that this user can enter: ` +
      'make /var/lib writable, run as a normal user, or set DATABASE_URL',
  );
}
