import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { RepoAddress } from '../../../git/git-address.ts';
import { configSection, type OperatorConfig } from '../../../git/git-config.ts';
import { GitError } from '../../../git/git-error.ts';
import { bytesOfName } from '../../../git/ref-name.ts';
import { isCommitId, type Remote } from '../../../git/remote.ts';
import { withRepoAccess } from '../../../git/repository-access.ts';
import { BaseRefNotFoundError } from '../../../git/repository-errors.ts';
import { LocalSandboxError } from '../errors.ts';
import { exists } from '../folders.ts';
import { fetchError, isDamage, type Mirror } from './mirror.ts';
import { NewRepository } from './new-repository.ts';
import { packedRefs } from './packed-refs.ts';

export interface CheckoutRequest {
  /** An existing folder, and the name of the checkout to make in it. */
  readonly folder: string;
  readonly name: string;
  readonly address: RepoAddress;
  readonly remote: Remote;
  readonly operator: OperatorConfig;
  readonly mirror: Mirror;
  /** Whether all objects are fetched again, because the mirror is damaged. */
  readonly repair: boolean;
  /** A name that git accepts; see branch-name.ts. */
  readonly branch: string;
  /** The object at which a new branch starts. A branch that the remote has starts at the remote's. */
  readonly start: string;
  /** Environment of every git that works here, so that it can be found and killed. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * Makes a repository that borrows the mirror's objects, has the real remote as `origin`, and `branch` checked out. It
 * finds the mirror by a relative path, so that both may be moved together.
 */
export async function makeCheckout(request: CheckoutRequest): Promise<void> {
  const { remote, mirror, branch } = request;
  const repository = new NewRepository(request.folder, request.name, request.env, request.signal);
  await repository.init(branch, remote.objectFormat);
  if (request.repair) await mirror.repair(repository, remote);
  else await mirror.update(repository, remote);
  const objects = join(repository.gitFolder, 'objects');
  await repository.write('objects/info/alternates', `${relative(objects, mirror.objects)}\n`);
  await repository.write('packed-refs', packedRefs(trackingRefs(remote)));
  await setDefaultBranch(repository, remote);
  await configure(repository, request);

  const existing = remote.refs.get(`refs/heads/${bytesOfName(branch)}`);
  await checkOut(existing ?? request.start, request.address, repository);
  await logMissingFiles(request);
}

/** As after `git clone`, files of submodules are not there, nor those of Git LFS unless the operator has set it up. */
async function logMissingFiles({ folder, name, operator, log }: CheckoutRequest): Promise<void> {
  if (await exists(join(folder, name, '.gitmodules'))) {
    log('The folders of submodules are empty. "git submodule update --init" fetches their files.');
  }
  const attributes = await readFile(join(folder, name, '.gitattributes'), 'utf8').catch(() => '');
  if (/\bfilter=lfs\b/.test(attributes) && !operator.filters.has('lfs')) {
    log('Files of Git LFS are pointers, because Git LFS is not set up where the worker runs.');
  }
}

function* trackingRefs(remote: Remote): Iterable<[string, string]> {
  for (const [ref, oid] of remote.refs) yield [ref.replace(/^refs\/heads\//, 'refs/remotes/origin/'), oid];
}

/** What `origin` alone stands for, in `git log origin` for example. */
async function setDefaultBranch(repository: NewRepository, { defaultBranch }: Remote): Promise<void> {
  // A branch of the name HEAD would point to itself.
  if (defaultBranch === undefined || defaultBranch === 'HEAD') return;
  await mkdir(join(repository.gitFolder, 'refs', 'remotes', 'origin'), { recursive: true });
  const target = `refs/remotes/origin/${bytesOfName(defaultBranch)}`;
  await repository.write('refs/remotes/origin/HEAD', `ref: ${target}\n`);
}

async function configure(repository: NewRepository, request: CheckoutRequest): Promise<void> {
  const { address, remote, branch, operator } = request;
  const sections = [
    configSection('remote', 'origin', [
      ['url', address.url],
      ['fetch', '+refs/heads/*:refs/remotes/origin/*'],
    ]),
    configSection('user', null, Object.entries(operator.user)),
  ];
  if (remote.branches.has(branch)) {
    const upstream = configSection('branch', branch, [
      ['remote', 'origin'],
      ['merge', `refs/heads/${branch}`],
    ]);
    sections.push(upstream);
  }
  await appendFile(join(repository.gitFolder, 'config'), sections.join(''));
}

/**
 * Makes the branch, which HEAD names already, at the commit that an object's id leads to, and writes its files. The commit is
 * fetched by its whole id when no branch or tag leads to it.
 */
async function checkOut(oid: string, address: RepoAddress, repository: NewRepository): Promise<void> {
  try {
    await reset(repository, oid);
    return;
  } catch (error) {
    if (!(error instanceof GitError) || isDamage(error) || (await hasCommit(repository, oid))) throw error;
    if (!isCommitId(oid)) throw noCommit(oid, error);
  }
  await fetchCommit(oid, address, repository);
  await reset(repository, oid);
}

async function hasCommit(repository: NewRepository, oid: string): Promise<boolean> {
  try {
    await repository.git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${oid}^{commit}`]);
    return true;
  } catch (error) {
    if (!(error instanceof GitError) || isDamage(error)) throw error;
    return false;
  }
}

async function fetchCommit(oid: string, address: RepoAddress, repository: NewRepository): Promise<void> {
  try {
    await withRepoAccess(address, (access) =>
      repository.git(
        [
          ...['fetch', '--quiet', '--update-shallow', '--no-tags', '--no-write-fetch-head'],
          ...['--end-of-options', 'origin', oid],
        ],
        access,
      ),
    );
  } catch (error) {
    const isUnknown = error instanceof GitError && /not our ref|unadvertised object/.test(error.stderr);
    const failure = isUnknown ? error : fetchError(error);
    throw failure instanceof GitError && !isDamage(failure) ? noCommit(oid, failure) : failure;
  }
  // It may be a tree or a file.
  if (!(await hasCommit(repository, oid))) throw noCommit(oid);
}

function noCommit(oid: string, cause?: Error): BaseRefNotFoundError {
  return new BaseRefNotFoundError(`The repository has no commit ${oid}, or more than one.`, { cause });
}

async function reset(repository: NewRepository, oid: string): Promise<void> {
  try {
    await repository.git(['reset', '--quiet', '--hard', `${oid}^{commit}`, '--']);
  } catch (error) {
    const why = error instanceof GitError ? lastingRefusal(error) : undefined;
    if (why === undefined) throw error;
    throw new LocalSandboxError('SANDBOX_FAILED', `The repository ${why}: ${(error as GitError).message}`, {
      retryable: false,
      cause: error,
    });
  }
}

/** What keeps git from writing these files here, however often it is attempted. */
function lastingRefusal({ failure, stderr }: GitError): string | undefined {
  if (failure === 'program_missing') return 'needs a program that is not installed where the worker runs';
  // `..`, for example, or another spelling of `.git`.
  if (/^error: invalid path /m.test(stderr)) return 'has a path that git refuses to check out';
  return undefined;
}
