import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cleanJson, cleanText } from '../../../../src/tasks/domain/transcript/clean.ts';
import { cutOutput, maxOutputBytes } from '../../../../src/tasks/domain/transcript/cut-output.ts';
import { anyText } from '../../../support/any-text.ts';

it('keeps an output of 64 KiB as it is', () => {
  const output = 'é'.repeat(maxOutputBytes / 2);
  expect(cutOutput(output)).toEqual({ text: output, bytes: maxOutputBytes });
});

it('cuts no character, and names the bytes that it leaves out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'é', '漢', '😀', '\n'), { minLength: 50, maxLength: 60 }),
      (signs) => {
        const output = signs.join('').repeat(2_000);
        const { text, bytes } = cutOutput(output);
        expect(bytes).toBe(Buffer.byteLength(output));
        if (bytes <= maxOutputBytes) return;
        const [beginning = '', end = ''] = text.split(/\n… \d+ bytes are left out …\n/);
        const leftOut = Number(/… (\d+) bytes are left out …/.exec(text)?.[1]);
        expect(output.startsWith(beginning) && output.endsWith(end)).toBe(true);
        expect(Buffer.byteLength(beginning) + leftOut + Buffer.byteLength(end)).toBe(bytes);
        expect(text).not.toContain('\uFFFD');
      },
    ),
    { numRuns: 30 },
  );
});

it('cleans what PostgreSQL cannot store, and keeps the length', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const clean = cleanText(text);
      expect(clean.isWellFormed() && !clean.includes('\0')).toBe(true);
      expect(clean).toHaveLength(text.length);
    }),
  );
  expect(cleanJson({ 'a\0': ['\ud800', 1, null] })).toEqual({ 'a\uFFFD': ['\uFFFD', 1, null] });
});

it('leaves out what lies too deep', () => {
  let deep: unknown = 'end';
  for (let level = 0; level < 5_000; level += 1) deep = [deep];
  expect(JSON.stringify(cleanJson(deep))).toMatch(/^\[+"…"\]+$/);
});
