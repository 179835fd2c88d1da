import { posix } from 'node:path';

/** The address of a repository. */
export interface RepoUrl {
  /** The address for git: as given, without the white space around it, and with `%20` for a space in a URL. */
  readonly url: string;
  /** The same for all spellings of one address: with and without `.git`, a last slash or the default port. */
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
const scpPattern = new RegExp(`^(?:(${user})@)?(${host}):(?![: -])((?:[^\\s:]| )+)$`);
/** `C:\repo`, `C:/repo`, `\\server\share`, and `file:///C:/repo`. */
const windowsPath = /^[a-z]:(?:\/|.*\\)|^\\\\|^file:\/\/\/[a-z](?::|%3a)/i;
const defaultPorts: Record<string, string> = { http: '80', https: '443', ssh: '22' };

/**
 * Parses the address of a repository. Null for anything else, and for what git could mistake for an option or a remote
 * helper (`ext::…`), or that contains a password. Does not look at anything but the string.
 */
export function parseRepoUrl(input: string): RepoUrl | null {
  const url = input.trim();
  if (url === '' || url.length > maxLength || hasControlCharacter(url)) return null;
  if (windowsPath.test(url)) return null;
  return parseLocal(url) ?? parseRemote(url) ?? parseScpLike(url);
}

/** Why `parseRepoUrl` returns null for the input, in sentences for users. They contain nothing of the input. */
export function describeRefusal(input: string): string {
  const url = input.trim();
  if (windowsPath.test(url)) return 'Windows paths are not supported. Use the URL of a git repository.';
  const [, scheme = '', credential = ''] = /^(https?|ssh):\/\/([^/?#\s]*)@/i.exec(url) ?? [];
  if (credential !== '') {
    const isSsh = scheme.toLowerCase() === 'ssh';
    const hasPassword = credential.includes(':');
    if (isSsh && hasPassword) return 'Take the password out of the URL. Git on the server uses its SSH keys.';
    if (!isSsh) {
      const excess = hasPassword ? 'the user name and the password' : 'the user name';
      return `Take ${excess} out of the URL. Git on the server gets them from its credential helper.`;
    }
  }
  return 'This is not the URL of a git repository. Use https, ssh, the form user@host:path, or an absolute path.';
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
  // The user of an http URL is part of a credential, and all who see the project would see it.
  if (userName !== undefined && scheme !== 'ssh') return null;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  // Over http, git accepts a space as `%20` only, and over ssh in both forms.
  const path = repositoryPath(pathAsGiven.replaceAll(' ', '%20'));
  if (path === null || /[?#\s]/.test(path)) return null;
  const authority = [
    userName === undefined ? '' : `${userName}@`,
    hostName.toLowerCase(),
    port === undefined || port === defaultPorts[scheme] ? '' : `:${port}`,
  ].join('');
  return {
    // Git accepts the names of protocols in lower case only.
    url: scheme + url.slice(scheme.length).replaceAll(' ', '%20'),
    canonical: `${scheme}://${authority}/${path}`,
    name: lastParts(path, 2).replaceAll('%20', ' '),
    local: false,
  };
}

function parseScpLike(url: string): RepoUrl | null {
  const match = scpPattern.exec(url);
  if (!match) return null;
  const [, userName, hostName = '', pathAsGiven = ''] = match;
  const root = pathAsGiven.startsWith('/') ? '/' : '';
  // Without a user it is probably a mistyped URL: `https:/host/o/r`.
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

/** Includes characters that only change how text is shown: with them one address can look like another. */
function hasControlCharacter(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}
