import type { ReactNode } from 'react';
import { type Components, Streamdown } from 'streamdown';
import './markdown.css';

// A chunk of its own, which is loaded with the first text of an agent.

interface MarkdownProps {
  readonly text: string;
  /** False: more follows. What is opened at its end, such as `**`, is closed for now. */
  readonly isComplete: boolean;
}

/**
 * Markdown of an agent, who may have read it anywhere. Nothing of it runs, is loaded, or leads elsewhere than its text says:
 * HTML is shown as text, an image as its description, and a link only for the protocols of `linkTarget`.
 */
export function Markdown({ text, isComplete }: MarkdownProps) {
  return (
    <Streamdown
      className="markdown"
      dir="auto"
      mode={isComplete ? 'static' : 'streaming'}
      components={components}
      rehypePlugins={noPlugins}
      urlTransform={linkTarget}
      controls={false}
    >
      {text}
    </Streamdown>
  );
}

/** The default ones turn HTML into elements. Without them it is text. */
const noPlugins: [] = [];

/** Null: not a link. An address without a protocol would lead into this page. */
function linkTarget(url: string, key: string): string | null {
  return key === 'href' && /^(https?|mailto):/i.test(url) ? url : null;
}

interface Parts {
  readonly children?: ReactNode;
}

/** Plain elements, which markdown.css styles. Headings are below those of the page; agents begin with the second level too. */
const components = {
  h1: 'h3',
  h2: 'h3',
  h3: 'h4',
  h4: 'h5',
  h5: 'h6',
  h6: 'h6',
  p: 'p',
  ul: 'ul',
  ol: 'ol',
  li: 'li',
  strong: 'strong',
  blockquote: 'blockquote',
  hr: 'hr',
  pre: 'pre',
  code: ({ children }: Parts) => <code>{children}</code>,
  inlineCode: ({ children }: Parts) => <code>{children}</code>,
  sub: 'sub',
  sup: 'sup',
  section: 'section',
  thead: 'thead',
  tbody: 'tbody',
  tr: 'tr',
  th: 'th',
  td: 'td',
  table: ({ children }: Parts) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <div className="markdown-table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  a: ({ children, href }: Parts & { readonly href?: string | undefined }) =>
    href ? (
      <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      children
    ),
  img: ({ alt }: { readonly alt?: string | undefined }) => <em>{alt ? `Image: ${alt}` : 'Image'}</em>,
  input: ({ checked }: { readonly checked?: boolean | undefined }) => (checked ? '☑ ' : '☐ '),
  // Its type has no room for components that take less than any attribute.
} as Components;
