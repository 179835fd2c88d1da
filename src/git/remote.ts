import { isRefName } from '../repository/branch-name.ts';
import { runGit } from './git.ts';
import { toGitAddress } from './git-address.ts';
import { GitError } from './git-error.ts';
import { bytesOfName, nameOfBytes } from './ref-name.ts';
import { withRepoAccess } from './repository-access.ts';
import {
  BaseRefNotFoundError,
  RepositoryEmptyError,
  RepositoryIncompleteError,
  RepositoryNotFoundError,
  RepositoryUnreachableError,
} from './repository-errors.ts';

/** The branches and tags of a remote repository at the time it was asked. */
export interface Remote {
  /** Names without `refs/heads/`. */
  readonly branches: ReadonlySet<string>;
  /** Full names of branches and tags, as bytes (see ref-name.ts), each with the id of its object. */
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that HEAD names, else `main`, `master` or the only branch; undefined when there is none of these. */
  readonly defaultBranch: string | undefined;
  /** The commit that HEAD leads to, on a branch or detached; undefined when HEAD names a branch that does not exist. */
  readonly head: string | undefined;
  readonly objectFormat: 'sha1' | 'sha256';
}

export interface ListRemoteOptions {
  /** Whether the repository may be a path on this machine. */
  readonly allowLocal: boolean;
  readonly signal?: AbortSignal;
  /** Milliseconds, 30 s by default. After that the host counts as unreachable. */
  readonly timeoutMs?: number;
}

/**
 * Asks the repository for its branches and tags.
 *
 * Throws RepositoryNotFoundError, RepositoryEmptyError, RepositoryIncompleteError or RepositoryUnreachableError; the
 * signal's reason when it aborts.
 */
export async function listRemote(repoUrl: string, options: ListRemoteOptions): Promise<Remote> {
  const address = toGitAddress(repoUrl, options);
  try {
    const listing = await withRepoAccess(address, (access) =>
      runGit(['ls-remote', '--symref', '--', address.url], {
        ...access,
        encoding: 'latin1',
        signal: options.signal,
        timeoutMs: options.timeoutMs ?? 30_000,
      }),
    );
    return parseListing(listing);
  } catch (error) {
    throw repositoryError(error);
  }
}

/**
 * The object to start from: the branch or tag `baseRef`, or what HEAD leads to when it is null. The id of a commit, whole
 * or at least its first seven digits, is returned in lower case; whether the repository has it is known once it is
 * fetched. Throws BaseRefNotFoundError.
 */
export function resolveBaseRef(remote: Remote, baseRef: string | null): string {
  if (baseRef === null && remote.head !== undefined) return remote.head;
  const start = baseRef ?? remote.defaultBranch;
  if (start === undefined) {
    throw new BaseRefNotFoundError('The repository has no default branch; name a ref to start from.');
  }
  const name = bytesOfName(start);
  const oid =
    remote.refs.get(`refs/heads/${name}`) ?? remote.refs.get(`refs/tags/${name}`) ?? remote.refs.get(name);
  if (oid !== undefined) return oid;
  if (/^[0-9a-f]{7,64}$/i.test(start)) return start.toLowerCase();
  throw new BaseRefNotFoundError(`The repository has no branch, tag or commit "${start.slice(0, 200)}".`);
}

/** A full object id, SHA-1 or SHA-256. */
export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** The error of repository-errors.ts that a failure of git stands for. Any other error is returned as it is. */
export function repositoryError(error: unknown): unknown {
  if (!(error instanceof GitError)) return error;
  switch (error.failure) {
    case 'not_found':
    // The remote's host has no git, or this one has no ssh.
    case 'program_missing':
      return new RepositoryNotFoundError(
        `The repository does not exist or may not be read: ${error.message}`,
        {
          cause: error,
        },
      );
    case 'unsupported':
      return new RepositoryNotFoundError(
        `The git of the server cannot read the repository. Update git, or repair the configuration: ${error.message}`,
        { cause: error },
      );
    case 'unreachable':
    case 'timeout':
      return new RepositoryUnreachableError(`The repository's host cannot be reached: ${error.message}`, {
        cause: error,
      });
    case 'partial':
      return new RepositoryIncompleteError(
        `The repository is a partial clone, which cannot send all of its files: ${error.message}`,
        { cause: error },
      );
    case 'remote_damaged':
    case 'damaged':
      return new RepositoryIncompleteError(`The repository is damaged: ${error.message}`, { cause: error });
    case 'other':
      return error;
  }
}

/** Ids of all objects that the remote listed, each once. */
export function listedObjects(remote: Remote): Set<string> {
  const oids = new Set(remote.refs.values());
  if (remote.head !== undefined) oids.add(remote.head);
  return oids;
}

const headPrefix = 'ref: refs/heads/';

function parseListing(listing: string): Remote {
  const refs = new Map<string, string>();
  let head: string | undefined;
  let named: string | undefined;
  for (const line of listing.split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (name === 'HEAD' && value.startsWith(headPrefix)) named = nameOfBytes(value.slice(headPrefix.length));
    else if (!isCommitId(value)) continue;
    else if (name === 'HEAD') head = value;
    // Git skips names that it would not accept. A name that ends with `^{}` gives what an annotated tag points to.
    else if (/^refs\/(heads|tags)\//.test(name) && isRefName(name)) refs.set(name, value);
  }
  if (refs.size === 0 && head === undefined)
    throw new RepositoryEmptyError('The repository is empty: it has no commit to start from.');
  const branches = new Set(
    [...refs.keys()]
      .filter((ref) => ref.startsWith('refs/heads/'))
      .map((ref) => nameOfBytes(ref.slice('refs/heads/'.length))),
  );
  const candidates = [named, 'main', 'master', branches.size === 1 ? [...branches][0] : undefined];
  const [anyObject = head] = refs.values();
  return {
    branches,
    refs,
    head,
    defaultBranch: candidates.find((branch) => branch !== undefined && branches.has(branch)),
    objectFormat: anyObject?.length === 64 ? 'sha256' : 'sha1',
  };
}
