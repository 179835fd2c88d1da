import { memo } from 'react';
import { Link } from 'wouter';
import { Badge } from '../components/badge.tsx';
import { Time } from '../components/time.tsx';
import { statuses } from '../words.ts';
import type { TaskSummary } from './merge.ts';

/** Pixels. All rows are of one height, so that the place of each is known without measuring it. */
export const rowHeight = 60;

/** Characters. More of a prompt is on the task's own page. */
const maxTitleLength = 1_000;

interface RowProps {
  readonly task: TaskSummary;
  readonly index: number;
  /** Of the list, as far as it is known; -1 when there is more. */
  readonly count: number;
  /** Pixels from the top of the list. */
  readonly top: number;
  readonly onFocus: (id: string) => void;
}

/** Scrolling renders the rows that come into the document, and no others. */
export const Row = memo(function Row({ task, index, count, top, onFocus }: RowProps) {
  const { words, tone } = statuses[task.status];
  return (
    <li
      style={{ height: rowHeight, transform: `translateY(${top}px)` }}
      aria-setsize={count}
      aria-posinset={index + 1}
      className="absolute inset-x-0 top-0 grid grid-cols-[auto_minmax(0,1fr)_auto] content-center items-center gap-x-3 gap-y-0.5 border-line border-b px-3 last:border-b-0 hover:bg-hover has-focus-visible:bg-hover sm:grid-cols-[minmax(0,1fr)_10.5rem_5rem]"
    >
      {/* Its area is the whole row. */}
      <Link
        href={`/tasks/${task.id}`}
        dir="auto"
        data-index={index}
        onFocus={() => onFocus(task.id)}
        className="truncate font-medium after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent max-sm:col-span-3"
      >
        {(task.title ?? task.prompt).slice(0, maxTitleLength)}
      </Link>
      <span className="text-xs sm:col-start-2 sm:row-span-2 sm:row-start-1">
        {task.openRequests > 0 ? (
          <Badge tone="busy">Waits for an answer</Badge>
        ) : (
          <Badge tone={tone}>{words}</Badge>
        )}
      </span>
      <div className="flex min-w-0 gap-2 text-soft text-xs sm:col-start-1 sm:row-start-2">
        <span className="truncate">{task.project.name}</span>
        {task.branchName && <span className="truncate font-mono max-sm:hidden">{task.branchName}</span>}
      </div>
      <span className="text-right text-soft text-xs sm:col-start-3 sm:row-span-2 sm:row-start-1">
        <Time at={task.createdAt} look="ago" />
      </span>
    </li>
  );
});
