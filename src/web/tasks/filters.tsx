import { Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useQuery } from 'urql';
import { ProjectListDocument } from '../../client/client.ts';
import { Kbd } from '../components/kbd.tsx';
import { statuses } from '../words.ts';
import type { FilterValues } from './use-filter.ts';

/** The field that the key `/` leads to, from every page. */
export const searchFieldId = 'search';

const typingMs = 200;
const maxSearchLength = 1_000;
const controlClass =
  'min-h-9 rounded-md border border-line bg-page px-2.5 hover:border-edge/60 pointer-coarse:min-h-11 max-sm:text-base';

interface FiltersProps {
  readonly values: FilterValues;
  readonly onChange: (changed: Partial<FilterValues>) => void;
}

export function Filters({ values, onChange }: FiltersProps) {
  const [{ data }] = useQuery({ query: ProjectListDocument, variables: { first: 100 } });
  const projects = data?.projects.nodes ?? [];
  return (
    <search className="flex flex-wrap gap-2">
      <SearchField value={values.q} onChange={(q) => onChange({ q })} />
      <select
        aria-label="Status"
        value={values.status}
        onChange={({ target }) => onChange({ status: target.value })}
        className={`${controlClass} min-w-0 max-sm:grow max-sm:basis-0`}
      >
        <option value="">All statuses</option>
        {Object.entries(statuses).map(([status, { words }]) => (
          <option key={status} value={status}>
            {words}
          </option>
        ))}
      </select>
      <select
        aria-label="Project"
        value={values.project}
        onChange={({ target }) => onChange({ project: target.value })}
        className={`${controlClass} min-w-0 max-w-48 max-sm:grow max-sm:basis-0`}
      >
        <option value="">All projects</option>
        {values.project && !projects.some(({ id }) => id === values.project) && (
          <option value={values.project}>One project</option>
        )}
        {projects.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </search>
  );
}

interface SearchFieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Searches once the reader pauses. */
function SearchField({ value, onChange }: SearchFieldProps) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(onChange, typingMs, typed);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <div className="relative grow max-sm:basis-full">
      <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-soft" />
      <input
        id={searchFieldId}
        type="search"
        aria-label="Search"
        placeholder="Search titles and prompts"
        maxLength={maxSearchLength}
        autoComplete="off"
        value={typed}
        onChange={({ target }) => setTyped(target.value)}
        onKeyDown={({ key, currentTarget }) => {
          if (key === 'Enter') onChange(typed);
          if (key === 'Escape') currentTarget.blur();
        }}
        className={`${controlClass} w-full pl-8`}
      />
      {!typed && (
        <span className="absolute top-1/2 right-2.5 -translate-y-1/2 text-soft">
          <Kbd>/</Kbd>
        </span>
      )}
    </div>
  );
}
