import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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

describe('a secret with characters that JSON escapes', () => {
  const secret = 'a"b\\c/d';
  const mask = new SecretMask([secret]);

  it('is masked in a message, which stays as it is otherwise', () => {
    const message = '{ "output": ["x a\\"b\\\\c/d y", "\\u00e9"], "at": 12345678901234567890 }';
    expect(mask.maskJson(message)).toBe(
      '{ "output": ["x [secret] y", "\\u00e9"], "at": 12345678901234567890 }',
    );
  });

  it('is masked however a message escapes it', () => {
    for (const form of ['a\\"b\\\\c\\/d', 'a\\u0022b\\u005Cc/d', '\\u0061\\"b\\\\c/d'])
      expect(mask.maskJson(`["x ${form}"]`)).toBe('["x [secret]"]');
  });

  it('is masked in a line of JSON that a message quotes', () => {
    const line = (text: string) => JSON.stringify({ method: 'session/update', params: [text, '\ud83d'] });
    const quoted = (text: string) => JSON.stringify({ params: { raw: line(line(text)) } });
    expect(mask.maskJson(quoted(`x ${secret}`))).toBe(quoted('x [secret]'));
    const unusual = JSON.stringify({ raw: '{"text":"a\\u0022b\\\\c/d"}' });
    expect(mask.maskJson(unusual)).toBe(JSON.stringify({ raw: '{"text":"[secret]"}' }));
  });

  it('is masked as JSON in what an agent says, in whatever pieces', () => {
    const text = `It says ${JSON.stringify({ token: secret })}, or ${JSON.stringify(JSON.stringify([secret]))}.`;
    for (let length = 1; length < text.length; length += 1) {
      const cut = new SecretMask([secret]);
      const pieces = text.match(new RegExp(`.{1,${length}}`, 'g')) ?? [];
      const passed = [...pieces.flatMap((piece) => cut.pass(chunk(piece))), ...cut.pass(end)];
      expect(textOf(passed)).toBe('It says {"token":"[secret]"}, or "[\\"[secret]\\"]".');
    }
  });

  it('is masked in a line that is no message', () => {
    const [said] = mask.pass({ type: 'unreadable', text: `Error: ${JSON.stringify(secret)} or ${secret}` });
    expect(said).toEqual({ type: 'unreadable', text: 'Error: "[secret]" or [secret]' });
  });

  it('is found in a megabyte of quotes and backslashes without delay', () => {
    for (const piece of ['"\\"', '\\"', '"', '\\'])
      expect(mask.maskText(piece.repeat(300_000) + secret)).toContain('[secret]');
  });
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
