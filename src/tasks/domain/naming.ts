const maxTitleLength = 80;

/** The prompt's first line, cut at a word when it is long. */
export function titleFromPrompt(prompt: string): string {
  const line = prompt.trim().split(/\r?\n/, 1)[0] ?? '';
  const text = line.replace(/\s+/g, ' ').trim();
  const characters = [...text];
  if (characters.length <= maxTitleLength) return text;
  const cut = characters.slice(0, maxTitleLength - 1).join('');
  const lastSpace = cut.lastIndexOf(' ');
  return `${lastSpace > maxTitleLength / 2 ? cut.slice(0, lastSpace) : cut}…`;
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
