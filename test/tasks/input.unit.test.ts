import { describe, expect, it } from 'vitest';
import { createTaskInput, parseInput } from '../../src/tasks/input.ts';

const parse = (input: Record<string, unknown>) =>
  parseInput(createTaskInput, { repoUrl: 'https://example.com/o/r', prompt: 'Fix it', ...input });

describe('createTask', () => {
  it.each([
    ['zero width spaces', '\u200b\u200b'],
    ['a byte order mark', '\ufeff'],
    ['soft hyphens', '\u00ad'],
    ['bidirectional controls', '\u202e\u2066'],
    ['variation selectors', '\ufe0f'],
    ['tag characters', '\u{e0041}'],
    ['Hangul fillers', '\u3164'],
    ['a blank Braille pattern', '\u2800'],
    ['control characters', '\u0001\u0085'],
  ])('refuses a prompt, a title and a key that consist of %s, as empty', (_name, text) => {
    for (const field of ['prompt', 'title', 'idempotencyKey']) {
      const refusal = { field, message: `${field} must not be empty.` };
      expect(() => parse({ [field]: ` ${text}\n` })).toThrow(expect.objectContaining(refusal));
    }
  });

  it.each(['\r', '\n', '\v', '\f', '\u0085', '\u2028', '\u2029'])(
    'refuses the line break %j in a title',
    (end) => {
      const refusal = { field: 'title', message: 'title must be a single line.' };
      expect(() => parse({ title: `a${end}b` })).toThrow(expect.objectContaining(refusal));
    },
  );

  it.each([
    ['a zero width space', 'main\u200b'],
    ['a byte order mark', '\ufeffmain'],
    ['a soft hyphen', 'ma\u00adin'],
    ['a mark of direction', 'main/\u202egnp'],
    ['a line separator', 'main\u2028'],
    ['a control character of C1', 'main\u009b'],
    ['tags', 'main\u{e0041}'],
  ])('refuses a branch and a base ref with %s', (_name, name) => {
    for (const field of ['branchName', 'baseRef']) {
      const refusal = { field, message: `${field} must not contain characters that cannot be seen.` };
      expect(() => parse({ [field]: name })).toThrow(expect.objectContaining(refusal));
    }
  });

  it('accepts a branch of any script, with joiners and variation selectors', () => {
    const branchName = 'füx/\u0645\u06cc\u200c\u062e-\u{1f469}\u200d\u{1f4bb}\ufe0f-e\u0301';
    expect(parse({ branchName }).branchName).toBe(branchName);
  });

  it('keeps a prompt as it was sent, with invisible characters between visible ones', () => {
    const prompt = '\ufeffFix it\u200b \u{1f469}\u200d\u{1f4bb}\u2028e\u0301';
    expect(parse({ prompt }).prompt).toBe(prompt);
  });
});
