import { useEffect, useLayoutEffect, useMemo, useSyncExternalStore } from 'react';
import { type ListState, TaskList } from './task-list.ts';
import { type FilterValues, toTaskFilter } from './use-filter.ts';

/** The list that was seen last: who comes back to it finds it as it was, at the same place. */
let latest: { readonly key: string; readonly list: TaskList } | undefined;

export function useTaskList(values: FilterValues): { list: TaskList; state: ListState } {
  const key = JSON.stringify(toTaskFilter(values));
  const list = useMemo(() => {
    if (latest?.key !== key) latest = { key, list: new TaskList(JSON.parse(key)) };
    return latest.list;
  }, [key]);
  useLayoutEffect(() => {
    scrollTo({ top: list.place.scrollTop });
    const onScroll = () => {
      list.place.scrollTop = scrollY;
    };
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, [list]);
  useEffect(() => list.open(() => scrollY > 0), [list]);
  return { list, state: useSyncExternalStore(list.onChange, list.getState) };
}
