import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitOptions, runGit } from '../../../git/git.ts';
import type { RepoAddress } from '../../../git/git-address.ts';
import { GitError } from '../../../git/git-error.ts';
import { withLocalRepoAccess } from '../../../git/local-repository.ts';
import { isCommitId, type Remote, repositoryError } from '../../../git/remote.ts';
import { BaseRefNotFoundError } from '../../../git/repository-errors.ts';
import type { Mirror } from './mirror.ts';

export interface CheckoutRequest {
  /** An existing folder, and the name of the checkout to make in it. */
  readonly folder: string;
  readonly name: string;
  readonly address: RepoAddress;
  readonly remote: Remote;
  readonly mirror: Mirror;
  /** A name that git accepts; see branch-name.ts. */
  readonly branch: string;
  /** The object at which a new branch starts. A branch that the remote has starts at the remote's. */
  readonly start: string;
  /** Environment of every git that works here, so that it can be found and killed. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Makes a repository that borrows the mirror's objects, has the real remote as `origin`, and `branch` checked out. It
 * may be moved afterwards.
 */
export async function makeCheckout(request: CheckoutRequest): Promise<void> {
  const { address, remote, branch, signal } = request;
  // Relative to the folder: if the sandbox is destroyed meanwhile, git fails instead of creating the folder again.
  const options: GitOptions = { cwd: request.folder, env: request.env, signal };
  const git = (args: readonly string[], more: GitOptions = {}) =>
    runGit(['-C', request.name, ...args], { ...options, ...more });

  await runGit(['init', '--quiet', '--template=', '--', request.name], options);
  const gitFolder = join(request.folder, request.name, '.git');
  await writeFile(
    join(gitFolder, 'objects', 'info', 'alternates'),
    `${join(request.mirror.path, 'objects')}\n`,
  );
  // Where the mirror's history ends because the remote's does, so does this one's.
  await copyFile(join(request.mirror.path, 'shallow'), join(gitFolder, 'shallow')).catch(ignoreMissing);
  await git(['remote', 'add', '--', 'origin', address.url]);

  if (request.mirror.complete) await git(['update-ref', '--stdin', '-z'], { input: refsOf(remote) });
  else await fetchFrom(address, git, ['--tags', '--end-of-options', 'origin']);
  const isNew = !remote.branches.has(branch);
  const commit = await commitOf(isNew ? request.start : `refs/remotes/origin/${branch}`, address, git);

  await git(['update-ref', `refs/heads/${branch}`, commit]);
  await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  if (remote.defaultBranch !== undefined) {
    await git(['symbolic-ref', 'refs/remotes/origin/HEAD', `refs/remotes/origin/${remote.defaultBranch}`]);
  }
  if (!isNew) {
    await git(['config', '--', `branch.${branch}.remote`, 'origin']);
    await git(['config', '--', `branch.${branch}.merge`, `refs/heads/${branch}`]);
  }
  await nameCommitter(git);
  await git(['reset', '--quiet', '--hard']);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

type Git = (args: readonly string[], more?: GitOptions) => Promise<string>;

/** Commands for `git update-ref --stdin -z`. Git checks each name: they come from the remote. */
function refsOf(remote: Remote): string {
  return [...remote.refs]
    .map(([ref, oid]) => `create ${ref.replace(/^refs\/heads\//, 'refs/remotes/origin/')}\0${oid}\0`)
    .join('');
}

async function fetchFrom(address: RepoAddress, git: Git, args: readonly string[]): Promise<void> {
  try {
    await withLocalRepoAccess(address, (access) =>
      git(['fetch', '--quiet', '--update-shallow', ...args], access),
    );
  } catch (error) {
    const isUnknown = error instanceof GitError && /not our ref|unadvertised object/.test(error.stderr);
    throw isUnknown ? error : repositoryError(error);
  }
}

/** The commit that a ref or an object's id leads to; fetched by its whole id when no branch or tag brought it along. */
async function commitOf(name: string, address: RepoAddress, git: Git): Promise<string> {
  const peel = () => git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]);
  try {
    return (await peel()).trim();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (!isCommitId(name)) throw noCommit(name, error);
  }
  try {
    await fetchFrom(address, git, ['--no-tags', '--end-of-options', 'origin', name]);
    return (await peel()).trim();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw noCommit(name, error);
  }
}

function noCommit(name: string, cause: Error): BaseRefNotFoundError {
  return new BaseRefNotFoundError(`The repository has no commit ${name}, or more than one.`, { cause });
}

/** Commits need an author: use the operator's git identity, or ours. */
async function nameCommitter(git: Git): Promise<void> {
  for (const [setting, fallback] of [
    ['user.name', 'Groundcrew'],
    ['user.email', 'groundcrew@localhost'],
  ] as const) {
    const value = await git(['config', '--get', setting]).catch(() => '');
    await git(['config', '--', setting, value.trim() || fallback]);
  }
}
