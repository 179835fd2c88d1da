import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Said } from '../../../../src/tasks/domain/transcript/said.ts';
import { SecretMask } from '../../../../src/tasks/domain/transcript/secret-mask.ts';

const chunk = (text: string): Said => ({ type: 'chunk', kind: 'agent_message', messageId: null, text });
const textOf = (said: readonly Said[]) =>
  said.map((each) => (each.type === 'chunk' ? each.text : '')).join('');
const end: Said = { type: 'plan', entries: [] };

it('shows no secret, in whatever pieces it is said, and nothing else differently', () => {
  const secret = 'sk-12345';
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('sk-12345', 'sk-', 'sk-sk-', ' a ', '12', '\n'), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      (parts, lengths) => {
        const text = parts.join('');
        const mask = new SecretMask([secret]);
        const passed: Said[] = [];
        for (let at = 0, piece = 0; at < text.length; piece += 1) {
          const length = lengths[piece % lengths.length] ?? 1;
          passed.push(...mask.pass(chunk(text.slice(at, at + length))));
          at += length;
        }
        passed.push(...mask.pass(end));
        expect(textOf(passed)).toBe(text.replaceAll(secret, '[secret]'));
        expect(mask.isHolding).toBe(false);
      },
    ),
  );
});

it('finds a secret with quotes in a message', () => {
  const mask = new SecretMask(['a"b\\c']);
  expect(mask.maskJson(JSON.stringify({ output: ['x a"b\\c y'] }))).toBe('{"output":["x [secret] y"]}');
});

it('passes everything on at once when there is no secret', () => {
  const said = chunk('sk-');
  expect(new SecretMask(['']).pass(said)).toEqual([said]);
});

it('joins the halves of a character that was said in two pieces', () => {
  const mask = new SecretMask([]);
  const [high = '', low = ''] = '👩'.split('');
  expect(mask.pass(chunk(`a${high}`))).toEqual([]);
  expect(mask.isHolding).toBe(true);
  expect(mask.pass(chunk(`${low}b`))).toEqual([chunk('a👩b')]);
  expect(mask.pass(chunk(high))).toEqual([]);
  expect(mask.pass(end)).toEqual([chunk('\uFFFD'), end]);
  expect(mask.pass(chunk(`${low}\0`))).toEqual([chunk('\uFFFD\uFFFD')]);
});
