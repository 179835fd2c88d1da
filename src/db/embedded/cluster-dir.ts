import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDataDir } from '../../data-dir.ts';
import type { Logger } from '../../log.ts';
import { chooseAccount } from './account.ts';
import { EmbeddedPostgresError } from './error.ts';
import { canEnter, sharedDir } from './shared-dir.ts';
import type { Account } from './tool.ts';

/** The folder of one cluster: its `data`, its password and its owner's lock. */
export interface ClusterDir {
  /** Without symlinks, so that it can be compared with paths of running processes. */
  readonly path: string;
  /** The user that PostgreSQL runs as; undefined: the user of this process. */
  readonly account: Account | undefined;
}

/**
 * Finds or makes `<dataDir>/postgres`. As root, when the account that PostgreSQL runs as cannot enter the data folder
 * (under /root), it is a symlink to a folder under /var/lib/groundcrew. No permission outside of the data folder changes.
 */
export async function prepareClusterDir(dataDir: string, logger: Logger): Promise<ClusterDir> {
  await makeDataDir(dataDir);
  const link = join(dataDir, 'postgres');
  const uid = process.getuid?.();
  const folder = await stat(link).catch(() => undefined);
  if (folder && uid !== undefined && uid !== 0 && folder.uid !== uid) {
    throw new EmbeddedPostgresError(
      `${link} belongs to another user (id ${folder.uid}): use its account, or another GROUNDCREW_DATA_DIR`,
    );
  }
  const data = await stat(join(link, 'data')).catch(() => undefined);
  const account = await chooseAccount(data?.uid || undefined);
  const present = await lstat(link).catch(() => undefined);
  if (account && !present && !(await letEnter(account, dataDir))) {
    await makeOutside(link, await sharedDir(account), logger);
  } else if (present?.isSymbolicLink()) {
    await followLink(link, logger);
  } else {
    if (account && present) await letEnter(account, dataDir);
    await mkdir(link, { recursive: true, mode: 0o700 });
  }
  const path = await realpath(link);
  if (account) {
    if (!(await canEnter(account, dirname(path)))) {
      throw new EmbeddedPostgresError(
        `as root PostgreSQL runs as user ${account.name}, which may not enter ${dirname(path)}: ` +
          'move the data folder back to where it was, or use another GROUNDCREW_DATA_DIR',
      );
    }
    // A folder that a normal user owns, and that root uses once, stays that user's.
    if ((await stat(path)).uid === 0) {
      await chown(path, 0, account.gid);
      await chmod(path, 0o710);
    }
  }
  return { path, account };
}

/** Lets the account pass through the data folder, not read it, unless another user has a right there. */
async function letEnter(account: Account, dataDir: string): Promise<boolean> {
  if (await canEnter(account, dataDir)) return true;
  const { uid, mode } = await stat(dataDir);
  if (uid !== 0 || (mode & 0o077) !== 0 || !(await canEnter(account, dirname(dataDir)))) return false;
  await chown(dataDir, 0, account.gid);
  await chmod(dataDir, 0o710);
  return canEnter(account, dataDir);
}

async function makeOutside(link: string, shared: string, logger: Logger): Promise<void> {
  const name = `${basename(dirname(dirname(link))) || 'data'}-${randomBytes(4).toString('hex')}`;
  const outside = join(shared, name);
  await mkdir(outside, { mode: 0o700 });
  await writeFile(join(outside, 'belongs-to'), `${link}\n`);
  try {
    await symlink(outside, link);
  } catch (error) {
    // Another start made its link first; that one counts.
    await rm(outside, { recursive: true });
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return;
  }
  logger.info(
    { path: link, outside },
    'the database may not enter the data folder: its files are elsewhere, linked',
  );
}

async function followLink(link: string, logger: Logger): Promise<void> {
  if (await stat(link).catch(() => undefined)) return;
  const target = await readlink(link);
  logger.warn(
    { path: link, target },
    'the folder that the link points to is gone: making a new, empty database',
  );
  await mkdir(target, { recursive: true, mode: 0o700 });
}
