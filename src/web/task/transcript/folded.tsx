import { type ReactNode, useState } from 'react';

interface FoldedProps {
  readonly id: string;
  /** At first. */
  readonly isOpen: boolean;
  readonly onToggle: (id: string, isOpen: boolean) => void;
  readonly summary: ReactNode;
  readonly children: ReactNode;
}

/** Something that most readers skip. What is folded is not rendered: a tool call may have a long output. */
export function Folded({ id, isOpen, onToggle, summary, children }: FoldedProps) {
  const [open, setOpen] = useState(isOpen);
  return (
    <details
      open={open}
      onToggle={({ currentTarget }) => {
        setOpen(currentTarget.open);
        onToggle(id, currentTarget.open);
      }}
      className="rounded-lg border border-line px-3 py-2"
    >
      <summary className="cursor-pointer text-soft">{summary}</summary>
      {open && <div className="mt-2 flex flex-col gap-2">{children}</div>}
    </details>
  );
}
