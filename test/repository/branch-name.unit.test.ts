import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBranchName, isBranchTaken } from '../../src/repository/branch-name.ts';
import { seeded } from '../support/seeded-random.ts';

/** The names that git accepts. One shell asks for all: to start git from this process, which is large, takes longer. */
function acceptedOf(names: readonly string[]): string[] {
  const ask = 'for name; do git check-ref-format --branch "$name" >/dev/null 2>&1; echo $?; done';
  // Outside of a repository: within one that was on another branch before, `@{-1}` is the name of that branch.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(tmpdir()) };
  const { stdout } = spawnSync('sh', ['-c', ask, 'sh', ...names], { cwd: tmpdir(), env, encoding: 'utf8' });
  const codes = stdout.trim().split('\n');
  expect(codes).toHaveLength(names.length);
  // Git accepts `@`, but every command reads it as HEAD.
  return names.filter((name, index) => name !== '@' && codes[index] === '0');
}

const nasty = [
  ...['', ' ', 'a', 'A', '@', '@a', 'a@', 'a@b', 'HEAD', 'head', 'a/HEAD', 'HEAD/a', '@{-1}', '@{u}', 'a@{b'],
  ...['-', '-a', '--', '--help', 'a-', '--upload-pack=x', 'a/-b', '-/a'],
  ...['.', '..', 'a.', '.a', 'a..b', 'a.b', 'a/.b', 'a./b', 'a/b.', '...', 'a/../b', './a', 'a/.'],
  ...['/', '//', '/a', 'a/', 'a//b', 'a/b', 'a/b/c/d', '/a/', 'refs/heads/a', 'refs/tags/a', 'origin/main'],
  ...['.lock', 'a.lock', 'a.lock/b', 'a.LOCK', 'alock', 'a.lock.b', 'a.locker', 'a/b.lock'],
  ...[
    'a b',
    'a~b',
    'a^b',
    'a:b',
    'a?b',
    'a*b',
    'a[b',
    'a]b',
    'a\\b',
    'a{b',
    'a}b',
    "a'b",
    'a"b',
    'a`b',
    'a$b',
  ],
  ...['a!b', 'a#b', 'a%b', 'a&b', 'a(b)', 'a+b', 'a,b', 'a;b', 'a<b>', 'a=b', 'a|b', '~', '^', ':', '?', '*'],
  ...['a\tb', 'a\nb', 'a\rb', 'a\u0001b', 'a\u001fb', 'a\u007fb', 'a\u0080b', 'a\u00a0b', '\n', 'a\n'],
  ...['ü', 'ветка', '分支', '🌳', 'a\u200bb', '\u202ea', 'e\u0301', '\ufeffa'],
  ...['0', '1.0', 'v1.0.0', 'deadbeef', 'a'.repeat(40), '0'.repeat(40), 'feature/issue-1', 'FETCH_HEAD'],
  ...['a@{', '@{', '@/a', 'a/@', '@@', '{', '}', 'a..', '..a', 'a./', '/.', 'a/./b'],
];

describe('isBranchName', () => {
  it('returns what git says for names of every kind', () => {
    expect(nasty.filter(isBranchName)).toEqual(acceptedOf(nasty));
  });

  it(
    'returns what git says for random names',
    seeded((random) => {
      const letters = [
        'a',
        'B',
        '.',
        '..',
        '/',
        '-',
        '@',
        '{',
        '~',
        ' ',
        '.lock',
        'HEAD',
        '\\',
        '*',
        'ü',
        '\t',
      ];
      const names = Array.from({ length: 300 }, () =>
        Array.from({ length: random.between(1, 4) }, () => random.pick(letters)).join(''),
      );
      expect(names.filter(isBranchName)).toEqual(acceptedOf(names));
    }),
  );

  it('refuses names that are too long for a file name', () => {
    expect(isBranchName('a'.repeat(244))).toBe(true);
    expect(isBranchName('a'.repeat(245))).toBe(false);
    expect(isBranchName('ü'.repeat(123))).toBe(false);
  });

  it('refuses text that is not well-formed', () => {
    expect(isBranchName('a\ud800b')).toBe(false);
    expect(isBranchName('a\0b')).toBe(false);
  });
});

describe('isBranchTaken', () => {
  it('returns true for the name of a branch', () => {
    expect(isBranchTaken('a/b', ['a/b'])).toBe(true);
  });

  it('returns true for a name above or below a branch', () => {
    expect(isBranchTaken('a/b', ['a'])).toBe(true);
    expect(isBranchTaken('a', ['a/b'])).toBe(true);
  });

  it('returns false for a name that only begins like a branch', () => {
    expect(isBranchTaken('a/b', ['a/bc', 'ab', 'a/c', 'A/b'])).toBe(false);
  });
});
