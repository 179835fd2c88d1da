import { parseRepoUrl } from '../repository/repo-url.ts';
import { RepositoryNotFoundError } from './repository-errors.ts';

/** A repository's address that git can take for nothing else: no option, no helper, no path in disguise. */
export interface RepoAddress {
  readonly url: string;
  /** The path on this machine, for a local repository. */
  readonly localPath: string | undefined;
}

/**
 * Looks at the address once more, right before git gets it: a provider does not know who has called.
 * Throws RepositoryNotFoundError for what is refused: as git is concerned, there is nothing there.
 */
export function toGitAddress(repoUrl: string, options: { allowLocal: boolean }): RepoAddress {
  const repo = parseRepoUrl(repoUrl);
  if (!repo) throw refused('it is not a URL that git may be asked for');
  if (repo.local && !options.allowLocal) throw refused('paths on the server are not allowed');
  return { url: repo.url, localPath: repo.local ? repo.url : undefined };
}

function refused(why: string): RepositoryNotFoundError {
  return new RepositoryNotFoundError(`The repository's address is refused: ${why}.`);
}
