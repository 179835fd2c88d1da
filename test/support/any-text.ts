import fc from 'fast-check';

/**
 * Text of any characters, lone surrogates included: `fc.string({ unit: 'binary' })` without its list of all 1,114,112 of them,
 * which takes seconds to make.
 */
export const anyText = fc.string({
  unit: fc.nat({ max: 0x10ffff }).map(
    (code) => String.fromCodePoint(code),
    (character) => {
      const code = typeof character === 'string' ? character.codePointAt(0) : undefined;
      if (code === undefined || character !== String.fromCodePoint(code)) throw new Error('no character');
      return code;
    },
  ),
});
