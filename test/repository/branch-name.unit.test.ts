import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isBranchName, isBranchTaken } from '../../src/repository/branch-name.ts';
import { randomNumbers } from '../tasks/domain/machine-states.ts';

function gitTakes(name: string): boolean {
  // Git reads it as HEAD here, so a branch of that name could never be named again.
  if (name === '@') return false;
  return spawnSync('git', ['check-ref-format', '--branch', name]).status === 0;
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

describe("a branch's name", () => {
  it.each(nasty)('%j is what git takes it for', (name) => {
    expect(isBranchName(name)).toBe(gitTakes(name));
  });

  it('is what git takes it for, whatever one makes of its characters', () => {
    const random = randomNumbers(7);
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
      Array.from(
        { length: 1 + Math.floor(random() * 4) },
        () => letters[Math.floor(random() * letters.length)],
      ).join(''),
    );
    const wrong = names.filter((name) => isBranchName(name) !== gitTakes(name));
    expect(wrong).toEqual([]);
  });

  it('is none that no file system could keep, nor text that is not well-formed', () => {
    expect(isBranchName('a'.repeat(244))).toBe(true);
    expect(isBranchName('a'.repeat(245))).toBe(false);
    expect(isBranchName('ü'.repeat(123))).toBe(false);
    expect(isBranchName('a\ud800b')).toBe(false);
    expect(isBranchName('a\0b')).toBe(false);
  });

  it("is taken by itself, and by a branch above or below it in git's folders", () => {
    expect(isBranchTaken('a/b', ['a/b'])).toBe(true);
    expect(isBranchTaken('a/b', ['a'])).toBe(true);
    expect(isBranchTaken('a', ['a/b'])).toBe(true);
    expect(isBranchTaken('a/b', ['a/bc', 'ab', 'a/c', 'A/b'])).toBe(false);
  });
});
