import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useShortcuts } from '../shell/use-shortcuts.ts';
import type { Tasks } from './merge.ts';
import { Row, rowHeight } from './row.tsx';
import type { TaskList } from './task-list.ts';

/** Rows beyond the window's edges, so that quick scrolling shows no gap. */
const overscan = 12;
/** Pixels that the page's header covers. */
const headerHeight = 60;

interface RowsProps {
  readonly list: TaskList;
  readonly tasks: Tasks;
  readonly hasMore: boolean;
}

/** Only the rows near the window are in the document, however many tasks there are. */
export function Rows({ list, tasks, hasMore }: RowsProps) {
  const element = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(element.current?.offsetTop ?? 0), []);
  const virtualizer = useWindowVirtualizer({
    count: tasks.length,
    estimateSize: () => rowHeight,
    overscan,
    scrollMargin: top,
    scrollPaddingStart: headerHeight,
    getItemKey: (index) => tasks[index]?.id ?? index,
  });
  const items = virtualizer.getVirtualItems();
  const lastIndex = items.at(-1)?.index ?? 0;
  // Also when tasks were added below: more may have to follow.
  useEffect(() => list.show(lastIndex), [list, lastIndex, tasks.length]);
  useKeptPlace(tasks, top);

  const { place } = list;
  const onFocus = useCallback(
    (id: string) => {
      place.focused = id;
    },
    [place],
  );
  const focus = (index: number) =>
    element.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true });
  // The keyboard goes on where it was before the look at a task.
  useEffect(() => {
    const index = tasks.findIndex(({ id }) => id === place.focused);
    if (index < 0) return undefined;
    // Once the row is in the document.
    const frame = requestAnimationFrame(() => {
      if (document.activeElement?.matches('body, h1')) focus(index);
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  function move(by: number): void {
    const current = items.find(({ index }) => tasks[index]?.id === place.focused)?.index;
    // From the one that had the focus, unless somebody has scrolled away from it.
    const first = Math.max(0, Math.ceil((scrollY + headerHeight - top) / rowHeight));
    const index = current === undefined ? first : Math.min(Math.max(current + by, 0), tasks.length - 1);
    place.focused = tasks[index]?.id;
    virtualizer.scrollToIndex(index);
    // Once the row is in the document.
    requestAnimationFrame(() => focus(index));
  }
  useShortcuts({
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    j: () => move(1),
    k: () => move(-1),
  });

  return (
    <ul
      ref={element}
      // biome-ignore lint/a11y/noRedundantRoles: Safari takes the role away from a list without markers
      role="list"
      aria-label="Tasks"
      className="relative rounded-lg border border-line"
      style={{ height: virtualizer.getTotalSize() }}
    >
      {items.map(({ index, key, start }) => {
        const task = tasks[index];
        return (
          task && (
            <Row
              key={key}
              task={task}
              index={index}
              count={hasMore ? -1 : tasks.length}
              top={start - top}
              onFocus={onFocus}
            />
          )
        );
      })}
    </ul>
  );
}

/** When rows come or go above the window, scrolls by as much, so that what is in the window stays where it is. */
function useKeptPlace(tasks: Tasks, top: number): void {
  const before = useRef(tasks);
  useLayoutEffect(() => {
    const previous = before.current;
    before.current = tasks;
    if (previous === tasks || scrollY <= top) return;
    const anchor = previous[Math.ceil((scrollY - top) / rowHeight)];
    if (!anchor) return;
    const from = previous.indexOf(anchor);
    const to = tasks.findIndex(({ id }) => id === anchor.id);
    if (to !== -1 && to !== from) scrollBy({ top: (to - from) * rowHeight, behavior: 'instant' });
  }, [tasks, top]);
}
