import { fileURLToPath } from 'node:url';
import { RepositoryNotFoundError } from './repository-errors.ts';

/** A repository's address that git can take for nothing else: no option, no helper, no path in disguise. */
export interface RepoAddress {
  readonly url: string;
  /** The path on this machine, for a local repository. */
  readonly localPath: string | undefined;
}

// user@host:path, as ssh takes it. `::` would name a helper, and a leading dash an option of ssh.
const scpLike = /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?![:/-])[^\s:]+$/;

/**
 * Reads a repository's address: http, https, ssh, or scp-like; a path or file URL too when `allowLocal`.
 * Throws RepositoryNotFoundError for anything else: as git is concerned, there is nothing there.
 */
export function parseRepoUrl(url: string, options: { allowLocal: boolean }): RepoAddress {
  if (url === '' || url.length > 2048) throw refused('it is empty or too long');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(url)) throw refused('it holds control characters');
  if (url.startsWith('-')) throw refused('it begins with a dash');
  if (url.startsWith('/') || /^file:/i.test(url)) {
    if (!options.allowLocal) throw refused('paths on the server are not allowed');
    return { url, localPath: localPathOf(url) };
  }
  if (/^(https?|ssh):\/\/[^/]/i.test(url)) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    const named = parsed && parsed.hostname !== '' && !parsed.hostname.startsWith('-');
    if (!named || parsed.username.startsWith('-') || /\s/.test(url)) throw refused('it is not a valid URL');
    return { url, localPath: undefined };
  }
  if (!url.includes('://') && scpLike.test(url)) return { url, localPath: undefined };
  throw refused('only http, https and ssh are spoken');
}

function localPathOf(url: string): string {
  if (url.startsWith('/')) return url;
  try {
    const parsed = new URL(url);
    if (parsed.host === '') return fileURLToPath(parsed);
  } catch {
    // Refused below.
  }
  throw refused('it is not a valid file URL');
}

function refused(why: string): RepositoryNotFoundError {
  return new RepositoryNotFoundError(`The repository's address is refused: ${why}.`);
}
