import { mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GitOptions } from './git.ts';
import type { RepoAddress } from './git-address.ts';

/**
 * Calls `use` with the git options that reading `address` needs.
 *
 * Git refuses a repository that another user owns ("dubious ownership") unless a protected configuration names it, and
 * the server side of a local fetch does not see the options of `-c`. So git gets a global configuration that includes
 * the user's own and adds this one path.
 */
export async function withLocalRepoAccess<T>(
  address: RepoAddress,
  use: (options: Pick<GitOptions, 'allowFile' | 'globalConfig'>) => Promise<T>,
): Promise<T> {
  if (address.localPath === undefined) return use({});
  if (await isOurs(address.localPath)) return use({ allowFile: true });
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-git-'));
  try {
    const globalConfig = join(folder, 'config');
    await writeFile(globalConfig, await configuration(address.localPath));
    return await use({ allowFile: true, globalConfig });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isOurs(path: string): Promise<boolean> {
  const owners = await Promise.all(
    [path, join(path, '.git')].map((entry) =>
      stat(entry).then(
        ({ uid }) => uid,
        () => undefined,
      ),
    ),
  );
  return owners.every((owner) => owner === undefined || owner === process.geteuid?.());
}

async function configuration(path: string): Promise<string> {
  const own = join(homedir(), '.gitconfig');
  const xdg = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'git', 'config');
  const trimmed = path.replace(/(.)\/+$/, '$1');
  const real = await realpath(trimmed).catch(() => trimmed);
  const safe = new Set([trimmed, real].flatMap((base) => [base, join(base, '.git'), `${base}.git`]));
  return [
    `[include]\n\tpath = ${quote(xdg)}\n\tpath = ${quote(own)}\n[safe]`,
    ...[...safe].map((directory) => `\tdirectory = ${quote(directory)}`),
    '',
  ].join('\n');
}

function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
