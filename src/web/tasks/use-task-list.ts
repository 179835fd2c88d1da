import { useEffect, useLayoutEffect, useMemo, useSyncExternalStore } from 'react';
import { type ListState, TaskList } from './task-list.ts';
import { type FilterValues, toTaskFilter } from './use-filter.ts';

/** The list that was seen last: who comes back to it finds it as it was, at the same place. */
let latest: { readonly key: string; readonly list: TaskList; scrollTop: number } | undefined;

export function useTaskList(values: FilterValues): { list: TaskList; state: ListState } {
  const key = JSON.stringify(toTaskFilter(values));
  const entry = useMemo(() => {
    if (latest?.key !== key) latest = { key, list: new TaskList(JSON.parse(key)), scrollTop: 0 };
    return latest;
  }, [key]);
  const { list } = entry;
  useLayoutEffect(() => {
    scrollTo({ top: entry.scrollTop });
    const onScroll = () => {
      entry.scrollTop = scrollY;
    };
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, [entry]);
  useEffect(() => list.open(() => scrollY > 0), [list]);
  return { list, state: useSyncExternalStore(list.onChange, list.getState) };
}
