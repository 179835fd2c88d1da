import { hasVisibleCharacter, lineBreak } from './text.ts';

/** Code points. */
const maxTitleLength = 80;

/** The prompt's first line in which something can be seen, cut at a word when it is long. */
export function titleFromPrompt(prompt: string): string {
  const line = prompt.split(lineBreak).find(hasVisibleCharacter) ?? '';
  const text = line.replace(/\s+/g, ' ').trim();
  if ([...text].length <= maxTitleLength) return text;
  const cut = firstCharacters(text, maxTitleLength - 1);
  const lastSpace = cut.lastIndexOf(' ');
  return `${lastSpace > maxTitleLength / 2 ? cut.slice(0, lastSpace) : cut}…`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Up to `max` code points, without a part of what people see as one character: an emoji of several, a letter with its marks. */
function firstCharacters(text: string, max: number): string {
  let length = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    length += [...segment].length;
    if (length > max) return index > 0 ? text.slice(0, index) : [...text].slice(0, max).join('');
  }
  return text;
}

const maxSlugLength = 50;

/** Candidates, best first: the title in letters that are safe everywhere, then the same with a number. */
export function branchNamesFromTitle(title: string, taskId: string): string[] {
  const slug =
    title
      .normalize('NFKD')
      .replace(/\p{Mark}/gu, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, maxSlugLength)
      .replace(/^-+|-+$/g, '') || 'task';
  const base = `groundcrew/${slug}`;
  const numbered = Array.from({ length: 49 }, (_, index) => `${base}-${index + 2}`);
  // The last one is free in every repository, also in one with a branch called `groundcrew`.
  return [base, ...numbered, `groundcrew-${slug}-${taskId.split('_')[1]}`];
}
