import { readFile } from 'node:fs/promises';

/** A block of code in a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** The file that its first line names, in a comment. */
  readonly file: string | undefined;
}

export async function blocksOf(page: string): Promise<Block[]> {
  const markdown = await readFile(`docs/${page}.md`, 'utf8');
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
    file: /^(?:\/\/|#) (\S+)\n/.exec(text)?.[1],
  }));
}
