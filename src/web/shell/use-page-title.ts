import { useEffect } from 'react';

/** Names the browser's tab, and the page for a screen reader that arrives at it. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title.slice(0, 80)} · Groundcrew`;
  }, [title]);
}
