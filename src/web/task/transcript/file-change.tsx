import { structuredPatch } from 'diff';
import { memo } from 'react';
import type { TranscriptItem } from '../../../client/client.ts';

// A chunk of its own, which is loaded when a tool call with changes of files is unfolded.

export type FileChange = Extract<TranscriptItem, { __typename: 'ToolCall' }>['changes'][number];

/** Milliseconds. Two long texts without a line in common take many seconds to compare. */
const timeoutMs = 200;
/** Of one change. More than that is not read, and slows the page down. */
const maxLines = 2_000;

type Kind = 'added' | 'removed' | 'same';

interface Line {
  readonly kind: Kind;
  readonly text: string;
  /** In the new file; of a removed line in the old one. */
  readonly number: number;
}

/** The lines that differ, with three lines around them. */
export const FileChangeLines = memo(function FileChangeLines({ change }: { readonly change: FileChange }) {
  const { path, oldText, newText } = change;
  const patch = structuredPatch(path, path, oldText ?? '', newText, undefined, undefined, {
    context: 3,
    timeout: timeoutMs,
  });
  if (!patch) return <p className="text-soft text-xs">The change is too large to be compared.</p>;
  const hunks = patch.hunks.map(linesOf);
  const count = hunks.flat().length;
  let left = maxLines;
  return (
    <>
      {hunks.map((lines, index) => {
        const shown = lines.slice(0, Math.max(0, left));
        left -= shown.length;
        return (
          <div key={index} className="border-line border-t first:border-t-0">
            {shown.map((line, at) => (
              <LineRow key={at} line={line} />
            ))}
          </div>
        );
      })}
      {count === 0 && <p className="text-soft">No line differs.</p>}
      {count > maxLines && <p className="text-soft">{count - maxLines} more lines are not shown.</p>}
    </>
  );
});

const rows = {
  added: { tag: 'ins', sign: '+', look: 'bg-good/10 text-good' },
  removed: { tag: 'del', sign: '−', look: 'bg-bad/10 text-bad' },
  same: { tag: 'div', sign: ' ', look: '' },
} as const satisfies Record<Kind, { tag: string; sign: string; look: string }>;

function LineRow({ line }: { readonly line: Line }) {
  const { tag: Tag, sign, look } = rows[line.kind];
  return (
    <Tag className={`flex gap-2 no-underline ${look}`}>
      {/* Not part of what is copied, nor of what a screen reader says. */}
      <span aria-hidden className="w-8 shrink-0 select-none text-right text-soft">
        {line.number}
      </span>
      <span aria-hidden className="shrink-0 select-none whitespace-pre">
        {sign}
      </span>
      <span className="wrap-anywhere min-w-0 grow whitespace-pre-wrap">{line.text}</span>
    </Tag>
  );
}

function linesOf(hunk: { oldStart: number; newStart: number; lines: readonly string[] }): Line[] {
  let { oldStart: oldNumber, newStart: newNumber } = hunk;
  const lines: Line[] = [];
  for (const line of hunk.lines) {
    const text = line.slice(1);
    if (line.startsWith('+')) lines.push({ kind: 'added', text, number: newNumber++ });
    else if (line.startsWith('-')) lines.push({ kind: 'removed', text, number: oldNumber++ });
    else if (line.startsWith(' ')) {
      lines.push({ kind: 'same', text, number: newNumber++ });
      oldNumber += 1;
    }
  }
  return lines;
}
