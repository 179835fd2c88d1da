import type { ReactNode } from 'react';

interface BlockProps {
  readonly name: string;
  readonly children: ReactNode;
}

/** A part of a tool call, in letters of one width. It scrolls by itself when it is long. */
export function Block({ name, children }: BlockProps) {
  return (
    <figure>
      <figcaption className="wrap-anywhere mb-1 text-soft text-xs">{name}</figcaption>
      <div
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        tabIndex={0}
        className="wrap-anywhere max-h-80 overflow-y-auto whitespace-pre-wrap rounded-md bg-panel p-2 font-mono text-xs"
      >
        {children}
      </div>
    </figure>
  );
}

/** The same with a text; nothing when that is empty. */
export function TextBlock({ name, text }: { readonly name: string; readonly text: string }) {
  return text === '' ? null : <Block name={name}>{text}</Block>;
}
