import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { TaskFilter, TaskStatus } from '../../client/client.ts';
import { statuses } from '../words.ts';

/** The filter as it is in the address, where a reload and a link find it again. */
export interface FilterValues {
  readonly q: string;
  readonly status: string;
  readonly project: string;
}

export function useFilter() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const values = useMemo<FilterValues>(() => {
    const parameters = new URLSearchParams(search);
    const of = (name: string) => parameters.get(name) ?? '';
    return { q: of('q'), status: of('status') in statuses ? of('status') : '', project: of('project') };
  }, [search]);

  function change(changed: Partial<FilterValues>): void {
    const given = Object.entries({ ...values, ...changed }).filter(([, value]) => value !== '');
    const query = new URLSearchParams(given).toString();
    navigate(query ? `/?${query}` : '/', { replace: true });
  }
  return { values, change };
}

export function toTaskFilter({ q, status, project }: FilterValues): TaskFilter {
  return {
    ...(q.trim() ? { search: q.trim() } : {}),
    ...(status ? { status: [status as TaskStatus] } : {}),
    ...(project ? { projectId: project } : {}),
  };
}
