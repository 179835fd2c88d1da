import { posix } from 'node:path';

/** A repository as `createTask` was given it. */
export interface RepoUrl {
  /** What git is asked for: as given, without the white space around it. */
  readonly url: string;
  /** The one spelling that all spellings of the same repository come to: with and without `.git` or a last slash. */
  readonly canonical: string;
  /** `owner/name`, or the last part of the path. */
  readonly name: string;
  /** A path on the server, or `file://`. */
  readonly local: boolean;
}

const maxLength = 1000;
const host = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])`;
const user = '[A-Za-z0-9_][A-Za-z0-9_.-]*';
const urlPattern = new RegExp(`^(https?|ssh)://(?:(${user})@)?(${host})(?::(\\d{1,5}))?/(.+)$`, 'i');
const scpPattern = new RegExp(`^(?:(${user})@)?(${host}):(?![:-])([^\\s:]+)$`);
const defaultPorts: Record<string, string> = { http: '80', https: '443', ssh: '22' };

/**
 * Reads what a client calls a repository; null when git could take it for something else: an option, a remote helper
 * (`ext::…`), a URL with a password in it. Looks at nothing outside of the string.
 */
export function parseRepoUrl(input: string): RepoUrl | null {
  const url = input.trim();
  if (url === '' || url.length > maxLength || hasControlCharacter(url)) return null;
  return parseLocal(url) ?? parseRemote(url) ?? parseScpLike(url);
}

function parseLocal(url: string): RepoUrl | null {
  const path = url.startsWith('file:///') ? decode(url.slice('file://'.length)) : url;
  if (!path?.startsWith('/') || path.startsWith('//') || hasControlCharacter(path)) return null;
  const canonical = withoutLastSlash(posix.normalize(path));
  const name = posix.basename(canonical) === '.git' ? posix.dirname(canonical) : canonical;
  return { url: canonical, canonical, name: lastParts(name, 1) || '/', local: true };
}

function parseRemote(url: string): RepoUrl | null {
  const match = urlPattern.exec(url);
  if (!match) return null;
  const [, schemeAsGiven = '', userName, hostName = '', port, pathAsGiven = ''] = match;
  const scheme = schemeAsGiven.toLowerCase();
  // A user of an http URL is a credential, and would be shown to everybody who sees the project.
  if (userName !== undefined && scheme !== 'ssh') return null;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  const path = repositoryPath(pathAsGiven);
  if (path === null || /[?#\s]/.test(pathAsGiven)) return null;
  const authority = [
    userName === undefined ? '' : `${userName}@`,
    hostName.toLowerCase(),
    port === undefined || port === defaultPorts[scheme] ? '' : `:${port}`,
  ].join('');
  return {
    // Git knows its protocols in lower case alone.
    url: scheme + url.slice(scheme.length),
    canonical: `${scheme}://${authority}/${path}`,
    name: lastParts(path, 2),
    local: false,
  };
}

function parseScpLike(url: string): RepoUrl | null {
  const match = scpPattern.exec(url);
  if (!match) return null;
  const [, userName, hostName = '', pathAsGiven = ''] = match;
  const root = pathAsGiven.startsWith('/') ? '/' : '';
  // Without a user it is a slip of the pen in a URL: `https:/host/o/r`.
  if (root && userName === undefined) return null;
  const path = repositoryPath(pathAsGiven.slice(root.length));
  if (path === null) return null;
  const authority = userName === undefined ? hostName.toLowerCase() : `${userName}@${hostName.toLowerCase()}`;
  return { url, canonical: `${authority}:${root}${path}`, name: lastParts(path, 2), local: false };
}

function repositoryPath(path: string): string | null {
  const bare = withoutLastSlash(path).replace(/\.git$/, '');
  const clean = withoutLastSlash(bare);
  return clean === '' || clean.split('/').some((part) => part === '' || part === '..') ? null : clean;
}

function withoutLastSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

function lastParts(path: string, count: number): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '~')
    .slice(-count)
    .join('/');
}

function decode(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** Those that only steer how text is shown too: with them one address can look like another. */
function hasControlCharacter(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}
