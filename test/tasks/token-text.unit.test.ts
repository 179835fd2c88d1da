import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyTokenText, hashToken, newTokenText, prefixOf } from '../../src/tasks/token-text.ts';
import { anyText } from '../support/any-text.ts';

const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');

describe('the text of a token', () => {
  it('is gc_ with 49 letters and digits, and different each time', () => {
    const texts = Array.from({ length: 100 }, newTokenText);
    for (const text of texts) expect(text).toMatch(/^gc_[0-9A-Za-z]{49}$/);
    expect(new Set(texts).size).toBe(100);
    expect(texts.map(classifyTokenText)).toEqual(texts.map(() => 'token'));
  });

  it('is found mistyped when one character is another, is missing, or is too much', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 51 }), character, (place, typed) => {
        const text = newTokenText();
        const [before, after] = [text.slice(0, place), text.slice(place + 1)];
        fc.pre(typed !== text[place]);
        expect(classifyTokenText(before + typed + after)).toBe('mistyped');
        expect(classifyTokenText(before + after)).toBe('mistyped');
        expect(classifyTokenText(before + typed + text.slice(place))).toBe('mistyped');
      }),
    );
  });

  it('is not found in any other text, and no text makes the check fail', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(classifyTokenText(text)).not.toBe('token');
        expect(classifyTokenText(`gc_${text}`)).toBe('mistyped');
      }),
    );
  });

  it('is stored as SHA-256, with a prefix that leaves 44 characters unknown', () => {
    const text = newTokenText();
    expect(hashToken('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(text.startsWith(prefixOf(text))).toBe(true);
    expect(prefixOf(text)).toHaveLength(8);
  });
});
