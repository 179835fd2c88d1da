/** All that Unicode counts as the end of a line. */
export const lineBreak = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/**
 * Whether people see anything of the text. Not so white space, control characters, and what only changes how other
 * characters are shown: zero width spaces, bidirectional controls, variation selectors, tags, fillers.
 */
export function hasVisibleCharacter(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(text);
}

/**
 * Whether the text has a character that nobody sees, and that makes another name of what looks the same: control characters,
 * marks of direction, zero width spaces, soft hyphens, tags. Joiners may be there: scripts and emoji need them.
 */
export function hasHiddenCharacter(text: string): boolean {
  return /[\p{Cc}\p{Bidi_Control}\u00ad\u200b\u2028\u2029\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/u.test(text);
}

/** The text without what most people do not see: width, case, white space, and characters that only join or vary others. */
export function foldedText(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\s\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '')
    .toLowerCase();
}
