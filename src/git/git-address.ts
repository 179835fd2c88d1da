import { describeRefusal, parseRepoUrl } from '../repository/repo-url.ts';
import { RepositoryNotFoundError } from './repository-errors.ts';

/** A repository's address that git cannot mistake for an option or a remote helper, nor a remote one for a path. */
export interface RepoAddress {
  readonly url: string;
  /** The path on this machine, for a local repository. */
  readonly localPath: string | undefined;
}

/**
 * Checks the address right before git gets it. The API has checked it already, but a provider can be called without it.
 * Throws RepositoryNotFoundError when the address is refused.
 */
export function toGitAddress(repoUrl: string, options: { allowLocal: boolean }): RepoAddress {
  const repo = parseRepoUrl(repoUrl);
  if (!repo) throw refused(describeRefusal(repoUrl));
  if (repo.local && !options.allowLocal) throw refused('Paths on this server are not allowed.');
  return { url: repo.url, localPath: repo.local ? repo.url : undefined };
}

function refused(why: string): RepositoryNotFoundError {
  return new RepositoryNotFoundError(`The address of the repository is refused. ${why}`);
}
