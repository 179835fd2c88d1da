import { Link } from 'wouter';
import { buttonClass } from '../components/button.tsx';
import { Notice } from '../components/notice.tsx';
import { PageHeading } from '../shell/page-heading.tsx';
import { Filters } from './filters.tsx';
import { Rows } from './rows.tsx';
import { useFilter } from './use-filter.ts';
import { useTaskList } from './use-task-list.ts';

/** `/` */
export function TasksPage() {
  const { values, change } = useFilter();
  const { list, state } = useTaskList(values);
  const { tasks, held, hasMore, loading, error } = state;
  const isFiltered = Object.values(values).some((value) => value !== '');

  function showHeld(): void {
    list.showHeld();
    scrollTo({ top: 0 });
    // The button is gone. Once the first of them is in the document.
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>('[data-index="0"]')?.focus({ preventScroll: true }),
    );
  }

  return (
    <div className="mx-auto flex max-w-5xl flex-col gap-4 px-4 py-5">
      <PageHeading title="Tasks" className="sr-only" />
      <Filters values={values} onChange={change} />
      {held.length > 0 && (
        <div className="sticky top-16 z-10 -mb-4 flex h-0 justify-center">
          <button
            type="button"
            onClick={showHeld}
            className="h-8 rounded-full bg-accent-fill px-3 font-medium text-white text-xs shadow-lg pointer-coarse:h-11"
          >
            {held.length} new
          </button>
        </div>
      )}
      {tasks.length > 0 ? (
        <Rows list={list} tasks={tasks} hasMore={hasMore} />
      ) : error ? (
        <Notice title="The tasks cannot be shown.">{error}</Notice>
      ) : loading ? (
        <p className="fade-in-late py-24 text-center text-soft">Loading the tasks</p>
      ) : isFiltered ? (
        <Notice title="No task matches.">
          <button
            type="button"
            className="text-accent underline"
            onClick={() => change({ q: '', status: '', project: '' })}
          >
            Show all tasks
          </button>
        </Notice>
      ) : (
        <Notice title="There are no tasks yet.">
          <p className="mb-4">A task is one piece of work for a coding agent, on a branch of its own.</p>
          <Link href="/new" className={buttonClass()}>
            Create the first one
          </Link>
        </Notice>
      )}
    </div>
  );
}
