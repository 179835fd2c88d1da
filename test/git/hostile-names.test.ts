import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { toGitAddress } from '../../src/git/git-address.ts';
import { isBranchName } from '../../src/repository/branch-name.ts';

const anywhere = [
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
  'https://host/a b',
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

test.each(anywhere)('refuses %j as a repository, wherever it is configured', (url) => {
  expect(() => toGitAddress(url, { allowLocal: true })).toThrow(
    expect.objectContaining({ code: 'REPOSITORY_NOT_FOUND', retryable: false }),
  );
});

test.each(['/etc', '/etc/', 'file:///etc'])('refuses %j unless paths are allowed', (url) => {
  expect(() => toGitAddress(url, { allowLocal: false })).toThrow('not allowed');
  expect(toGitAddress(url, { allowLocal: true }).localPath).toBe('/etc');
});

test.each([
  'https://github.com/o/r',
  'http://127.0.0.1:8080/o/r.git',
  'ssh://git@host:22/o/r.git',
  'git@github.com:o/r.git',
  'host.example:path/to/repo',
])('takes %j', (url) => {
  expect(toGitAddress(url, { allowLocal: false })).toEqual({ url, localPath: undefined });
});

test.each([
  ...[
    'main',
    'feature/one',
    'ä/ü',
    'a.b',
    'x-',
    'a@b',
    '1',
    'a'.repeat(244),
    "it's",
    '$(id)',
    'a;b',
    '@a',
    'a{b}',
  ],
  ...[
    '',
    '-',
    '-x',
    '--force',
    '@',
    'HEAD',
    'a b',
    'a\tb',
    'a..b',
    'a.',
    '.a',
    'a/.b',
    'a.lock',
    'a.lock/b',
    'a//b',
  ],
  ...[
    '/a',
    'a/',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[b',
    'a\\b',
    'a@{1}',
    '@{-1}',
    'a\u0007',
    'a\u007f',
    'refs/heads/x',
  ],
])('takes %j for a branch exactly when git does', (name) => {
  let git = true;
  try {
    // As `refs/heads/…`: `--branch` alone would expand @{-1}.
    execFileSync('git', ['check-ref-format', `refs/heads/${name}`], { stdio: 'ignore' });
    git = !name.startsWith('-') && name !== 'HEAD' && name !== '@';
  } catch {
    git = false;
  }
  expect(isBranchName(name)).toBe(git);
});
