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
export interface Home {
  /** Without symlinks, so that paths can be compared with those of running processes. */
  readonly dir: string;
  readonly account: Account | undefined;
}

/**
 * Finds or makes `<dataDir>/postgres`. As root, when the account that PostgreSQL runs as cannot enter the data folder
 * (under /root), it is a symlink to a folder under /var/lib/groundcrew; nothing outside of the data folder is opened.
 */
export async function prepareClusterDir(dataDir: string, logger: Logger): Promise<Home> {
  await makeDataDir(dataDir);
  const path = join(dataDir, 'postgres');
  const uid = process.getuid?.();
  const folder = await stat(path).catch(() => undefined);
  if (folder && uid !== undefined && uid !== 0 && folder.uid !== uid) {
    throw new EmbeddedPostgresError(
      `${path} belongs to another user (id ${folder.uid}): use its account, or another GROUNDCREW_DATA_DIR`,
    );
  }
  const data = await stat(join(path, 'data')).catch(() => undefined);
  const account = await chooseAccount(data?.uid || undefined);
  const present = await lstat(path).catch(() => undefined);
  if (account && !present && !(await open(dataDir, account))) {
    await makeOutside(path, await sharedDir(account), logger);
  } else if (present?.isSymbolicLink()) {
    await followLink(path, logger);
  } else {
    if (account && present) await open(dataDir, account);
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  const dir = await realpath(path);
  if (account) {
    if (!(await canEnter(account, dirname(dir)))) {
      throw new EmbeddedPostgresError(
        `as root PostgreSQL runs as user ${account.name}, who may not enter ${dirname(dir)}: ` +
          'move the data folder back to where it was, or use another GROUNDCREW_DATA_DIR',
      );
    }
    // A normal user's that root uses for once stays that user's.
    if ((await stat(dir)).uid === 0) {
      await chown(dir, 0, account.gid);
      await chmod(dir, 0o710);
    }
  }
  return { dir, account };
}

/** Lets the account pass through the data folder, not read it, if nobody else had a right there. */
async function open(dataDir: string, account: Account): Promise<boolean> {
  if (await canEnter(account, dataDir)) return true;
  const { uid, mode } = await stat(dataDir);
  if (uid !== 0 || (mode & 0o077) !== 0 || !(await canEnter(account, dirname(dataDir)))) return false;
  await chown(dataDir, 0, account.gid);
  await chmod(dataDir, 0o710);
  return canEnter(account, dataDir);
}

async function makeOutside(path: string, shared: string, logger: Logger): Promise<void> {
  const name = `${basename(dirname(dirname(path))) || 'data'}-${randomBytes(4).toString('hex')}`;
  const outside = join(shared, name);
  await mkdir(outside, { mode: 0o700 });
  await writeFile(join(outside, 'belongs-to'), `${path}\n`);
  try {
    await symlink(outside, path);
  } catch (error) {
    // Another start was faster; its link counts.
    await rm(outside, { recursive: true });
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return;
  }
  logger.info(
    { path, outside },
    'the data folder is closed to the database: its files lie elsewhere, linked',
  );
}

async function followLink(path: string, logger: Logger): Promise<void> {
  if (await stat(path).catch(() => undefined)) return;
  const target = await readlink(path);
  logger.warn({ path, target }, 'the folder that the link points to is gone: making a new, empty database');
  await mkdir(target, { recursive: true, mode: 0o700 });
}
