import { lazyModule } from '../../lazy-module.ts';
import { PlainText } from './plain-text.tsx';

const useMarkdown = lazyModule(() => import('./markdown.tsx'));

/** Characters. A longer text is shown as it is: each piece that is added makes the whole text be read again. */
const maxMarkdownLength = 50_000;

interface AgentTextProps {
  readonly text: string;
  readonly isComplete: boolean;
}

/** What an agent has written: Markdown, and the text as it is until the reader of Markdown is loaded. */
export function AgentText({ text, isComplete }: AgentTextProps) {
  const module = useMarkdown();
  if (!module || text.length > maxMarkdownLength) return <PlainText>{text}</PlainText>;
  return <module.Markdown text={text} isComplete={isComplete} />;
}
