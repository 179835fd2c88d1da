import { mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type GitOptions, runGit } from './git.ts';
import type { RepoAddress } from './git-address.ts';
import { configSection } from './git-config.ts';

/** The options that git needs to read a repository. */
export type RepoAccess = Pick<GitOptions, 'allowFile' | 'env'>;

/** Calls `use` with the git options that reading `address` needs. They are valid only until `use` returns. */
export async function withRepoAccess<T>(
  address: RepoAddress,
  use: (access: RepoAccess) => Promise<T>,
): Promise<T> {
  if (address.localPath === undefined) return use({ env: await sshEnvironment() });
  if (await isOurs(address.localPath)) return use({ allowFile: true });
  // Git refuses a repository that another user owns ("dubious ownership") unless a protected configuration names it, and
  // the server side of a local fetch does not see the options of `-c` nor GIT_CONFIG_COUNT. So git gets a global
  // configuration that includes the user's own and adds this repository.
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-git-'));
  try {
    const globalConfig = join(folder, 'config');
    await writeFile(globalConfig, includeUserConfig() + (await safeDirectoryConfig(address.localPath)));
    return await use({ allowFile: true, env: { GIT_CONFIG_GLOBAL: globalConfig } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Configuration that lets git read the repository at `path` when another user owns it. */
export async function safeDirectoryConfig(path: string): Promise<string> {
  const trimmed = path.replace(/(.)\/+$/, '$1');
  const real = await realpath(trimmed).catch(() => trimmed);
  const gitFolder = await linkedGitFolder(real);
  const directories = new Set([
    ...[trimmed, real].flatMap((base) => [base, join(base, '.git'), `${base}.git`]),
    ...(gitFolder === undefined ? [] : [gitFolder]),
  ]);
  return configSection(
    'safe',
    null,
    [...directories].map((directory) => ['directory', directory]),
  );
}

/**
 * A host that does not answer must not block a worker, and ssh must not ask. A command that the user has set, in the
 * environment or the configuration, stays as it is.
 */
async function sshEnvironment(): Promise<Record<string, string>> {
  if (process.env.GIT_SSH_COMMAND || process.env.GIT_SSH) return {};
  const configured = await runGit(['config', '--get', 'core.sshCommand']).catch(() => '');
  return configured.trim() === '' ? { GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oConnectTimeout=15' } : {};
}

async function isOurs(path: string): Promise<boolean> {
  const owners = await Promise.all(
    [path, join(path, '.git'), `${path}.git`, await linkedGitFolder(path)].map((entry) =>
      entry === undefined
        ? undefined
        : stat(entry).then(
            ({ uid }) => uid,
            () => undefined,
          ),
    ),
  );
  return owners.every((owner) => owner === undefined || owner === process.geteuid?.());
}

/** Where `.git` points to when it is a file, as in linked worktrees and submodules. */
async function linkedGitFolder(path: string): Promise<string | undefined> {
  const content = await readFile(join(path, '.git'), 'utf8').catch(() => '');
  const target = /^gitdir: (.+)$/m.exec(content)?.[1];
  if (target === undefined) return undefined;
  const folder = resolve(path, target);
  return realpath(folder).catch(() => folder);
}

/** Includes what git would read if GIT_CONFIG_GLOBAL were not ours. Files that do not exist are ignored. */
function includeUserConfig(): string {
  const { GIT_CONFIG_GLOBAL: own, HOME: home, XDG_CONFIG_HOME: xdg } = process.env;
  const ofHome = home ? [join(xdg || join(home, '.config'), 'git', 'config'), join(home, '.gitconfig')] : [];
  const files = own === undefined ? ofHome : [own].filter((path) => path !== '');
  return configSection(
    'include',
    null,
    files.map((path) => ['path', path]),
  );
}
