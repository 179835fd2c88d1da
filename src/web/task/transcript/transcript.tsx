import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useLayoutEffect, useRef } from 'react';
import type { Transcript as TranscriptData } from '../../../client/client.ts';
import { Item } from './item.tsx';

/** Pixels. Rows are measured once they are in the document. */
const estimatedRowHeight = 72;
/** Rows beyond the edges, so that quick scrolling shows no gap. */
const overscan = 8;
/** Pixels. A reader who is no farther from the end follows it. */
const nearEnd = 32;

/**
 * What the agent and its users have said and done. Only the rows near the visible part are in the document. Items that are
 * still being read have rows too, so that nothing moves when they come.
 */
export function Transcript({ transcript }: { readonly transcript: TranscriptData }) {
  const { items, missing } = transcript;
  const element = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: missing + items.length,
    getScrollElement: () => element.current,
    estimateSize: () => estimatedRowHeight,
    overscan,
  });
  const size = virtualizer.getTotalSize();
  const onScroll = useFollowedEnd(element, transcript, size);
  const { openItems, onToggle } = useOpenItems();
  return (
    <div
      ref={element}
      role="log"
      aria-label="Transcript"
      // A log is read out as it grows, also by rows that come with scrolling. Announcement says what is news.
      aria-live="off"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
      tabIndex={0}
      onScroll={onScroll}
      className="max-h-[70vh] min-h-6 overflow-y-auto [overflow-anchor:none]"
    >
      <div className="relative" style={{ height: size }}>
        {virtualizer.getVirtualItems().map(({ index, start }) => {
          const item = items[index - missing];
          return (
            <div
              key={index}
              ref={virtualizer.measureElement}
              data-index={index}
              className="absolute inset-x-0 top-0 pb-3"
              style={{ transform: `translateY(${start}px)` }}
            >
              {item ? (
                <Item item={item} isOpen={openItems.has(item.id)} onToggle={onToggle} />
              ) : (
                <div className="h-15 rounded-md bg-panel" />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Keeps the end in view while the reader is there, and leaves the reader alone otherwise. */
function useFollowedEnd(
  element: React.RefObject<HTMLDivElement | null>,
  transcript: TranscriptData,
  size: number,
): () => void {
  const follows = useRef(true);
  const lastTop = useRef(0);
  useLayoutEffect(() => {
    const log = element.current;
    if (!log || !follows.current) return;
    log.scrollTop = log.scrollHeight;
    // It is farther up than before where rows were measured to be lower than expected; the reader has not moved it.
    lastTop.current = log.scrollTop;
  }, [element, transcript, size]);
  return () => {
    const log = element.current;
    if (!log) return;
    // Rows that are measured move the end away too; only a reader moves the view up.
    if (log.scrollHeight - log.scrollTop - log.clientHeight <= nearEnd) follows.current = true;
    else if (log.scrollTop < lastTop.current) follows.current = false;
    lastTop.current = log.scrollTop;
  };
}

/** What the reader has unfolded stays so while its row is not in the document. */
function useOpenItems() {
  const openItems = useRef(new Set<string>());
  const onToggle = useCallback((id: string, isOpen: boolean) => {
    if (isOpen) openItems.current.add(id);
    else openItems.current.delete(id);
  }, []);
  return { openItems: openItems.current, onToggle };
}
