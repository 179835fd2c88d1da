import { describe, expect, it } from 'vitest';
import { isBranchName } from '../../../src/repository/branch-name.ts';
import { branchNamesFromTitle, titleFromPrompt } from '../../../src/tasks/domain/naming.ts';

describe('titleFromPrompt', () => {
  it.each(['\r', '\u0085', '\u2028', '\u2029'])('ends the first line at %j', (end) => {
    expect(titleFromPrompt(`Fix it${end}and more`)).toBe('Fix it');
  });

  it('passes over lines without a visible character', () => {
    expect(titleFromPrompt('\u200b\n\u202e\nFix it')).toBe('Fix it');
  });

  it.each([
    ['a family', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
    ['a flag', '\u{1f1e9}\u{1f1ea}'],
    ['a letter with a mark of its own', 'e\u0301'],
    ['a skin tone', '\u{1f44d}\u{1f3fd}'],
  ])('does not cut %s in the middle', (_name, character) => {
    for (const length of [60, 77, 78, 79]) {
      const title = titleFromPrompt(`${'x'.repeat(length)}${character.repeat(60)}`);
      expect(title).toMatch(/^x+/);
      expect(title.replace(/^x+/, '').replaceAll(character, '')).toBe('\u2026');
    }
  });

  it.each([
    ['Fix the tests', 'Fix the tests'],
    ['\n\n  Fix   the\ttests  \nand more', 'Fix the tests'],
    ['One\r\nTwo', 'One'],
    [`${'word '.repeat(30)}`, `${'word '.repeat(15).trim()}…`],
    ['x'.repeat(200), `${'x'.repeat(79)}…`],
    ['🌳'.repeat(200), `${'🌳'.repeat(79)}…`],
  ])('from the prompt %j is %j', (prompt, title) => {
    expect(titleFromPrompt(prompt)).toBe(title);
    expect([...titleFromPrompt(prompt)].length).toBeLessThanOrEqual(80);
  });
});

describe('branchNamesFromTitle', () => {
  const names = (title: string) => branchNamesFromTitle(title, 'task_01jd0000000000000000000000');

  it.each([
    ['Fix the tests', 'groundcrew/fix-the-tests'],
    ['Ärger mit Größe', 'groundcrew/arger-mit-gro-e'],
    ['--upload-pack=x', 'groundcrew/upload-pack-x'],
    ['../../etc/passwd', 'groundcrew/etc-passwd'],
    ['分支 🌳', 'groundcrew/task'],
    ['HEAD', 'groundcrew/head'],
    ['', 'groundcrew/task'],
    ['x'.repeat(100), `groundcrew/${'x'.repeat(50)}`],
  ])('from the title %j begin with %s', (title, first) => {
    expect(names(title)[0]).toBe(first);
  });

  it('gives fifty names and one that no other task can have, all valid for git', () => {
    for (const title of ['Fix the tests', '分支', 'a.lock', '@{-1}', '...', 'a\0b', '\ud800']) {
      const all = names(title);
      expect(new Set(all).size).toBe(51);
      expect(all.filter((name) => !isBranchName(name))).toEqual([]);
      expect(all.at(-1)).toMatch(/^groundcrew-.*-01jd0000000000000000000000$/);
    }
    expect(names('Fix it').slice(0, 3)).toEqual([
      'groundcrew/fix-it',
      'groundcrew/fix-it-2',
      'groundcrew/fix-it-3',
    ]);
  });
});
