import { describe, expect, it } from 'vitest';
import { toGitAddress } from '../../src/git/git-address.ts';

const hostile = [
  '',
  '-u',
  'http://user:secret@host/o/r.git',
  '--upload-pack=touch /tmp/pwned',
  'ext::sh -c touch% /tmp/pwned',
  'EXT::sh',
  'fd::17',
  'git://host/repo',
  'ftp://host/repo',
  'https://',
  'https:///path',
  'https://host/a\nb',
  'ssh://-oProxyCommand=touch/x',
  'ssh://-oProxyCommand=x@host/x',
  '-oProxyCommand=x:path',
  'user@-host:path',
  'host:-path',
  'host::path',
  './relative',
  '../relative',
  'relative',
  '~/home',
  'file://otherhost/path',
  `https://host/${'a'.repeat(3000)}`,
  '/path\0with/null',
];

describe('toGitAddress', () => {
  it.each(hostile)('refuses the address %j', (url) => {
    expect(() => toGitAddress(url, { allowLocal: true })).toThrow(
      expect.objectContaining({ code: 'REPOSITORY_NOT_FOUND', retryable: false }),
    );
  });

  it.each(['/etc', '/etc/', 'file:///etc'])('refuses the path %j when paths are not allowed', (url) => {
    expect(() => toGitAddress(url, { allowLocal: false })).toThrow('Paths on this server are not allowed.');
  });

  it.each(['/etc', '/etc/', 'file:///etc'])('returns /etc for %j when paths are allowed', (url) => {
    expect(toGitAddress(url, { allowLocal: true }).localPath).toBe('/etc');
  });

  it.each([
    'https://github.com/o/r',
    'http://127.0.0.1:8080/o/r.git',
    'ssh://git@host:22/o/r.git',
    'git@github.com:o/r.git',
    'host.example:path/to/repo',
  ])('returns the URL %j as it is', (url) => {
    expect(toGitAddress(url, { allowLocal: false })).toEqual({ url, localPath: undefined });
  });
});
