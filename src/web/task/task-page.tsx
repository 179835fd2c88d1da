import { ArrowLeft } from 'lucide-react';
import { memo } from 'react';
import { Link } from 'wouter';
import type { Task } from '../../client/client.ts';
import { Badge } from '../components/badge.tsx';
import { Notice } from '../components/notice.tsx';
import { isOpenedAt } from '../opening.ts';
import { PageHeading } from '../shell/page-heading.tsx';
import { usePainted } from '../shell/use-painted.ts';
import { statuses } from '../words.ts';
import { Actions } from './actions.tsx';
import { Details } from './details.tsx';
import { Failure } from './failure.tsx';
import { History } from './history.tsx';
import { Provisioning } from './provisioning.tsx';
import { Sessions } from './sessions.tsx';
import { useTask } from './use-task.ts';

/** `/tasks/ID` */
export function TaskPage({ id }: { readonly id: string }) {
  // Where the page itself was just loaded its conversation is what takes longest.
  const painted = usePainted({ waits: !isOpenedAt(id) });
  const state = useTask(id, { live: painted });
  switch (state.kind) {
    case 'loading':
      return <Loading />;
    case 'missing':
      return (
        <Notice title="There is no task with this id.">
          It may belong to another workspace, or it was removed.{' '}
          <Link href="/" className="text-accent underline">
            Show the tasks
          </Link>
        </Notice>
      );
    case 'failed':
      return <Notice title="The task cannot be shown.">{state.message}</Notice>;
    case 'loaded':
      return <TaskView task={state.task} isComplete={painted} />;
  }
}

interface TaskViewProps {
  readonly task: Task;
  /** False: only what the visitor has come for, title, status and steps. The rest takes several times as long to render. */
  readonly isComplete: boolean;
}

/** Renders again only when the task has changed. */
export const TaskView = memo(function TaskView({ task, isComplete }: TaskViewProps) {
  const title = task.title ?? task.prompt;
  const { words, tone } = statuses[task.status];
  return (
    <article className="mx-auto flex max-w-5xl flex-col gap-6 px-4 py-5">
      <header className="flex flex-col gap-3">
        <Link href="/" className="flex items-center gap-1 self-start rounded text-soft hover:text-ink">
          <ArrowLeft aria-hidden className="size-4" />
          All tasks
        </Link>
        <PageHeading title={title} className="wrap-anywhere line-clamp-3 font-semibold text-xl" />
        <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
          <Badge tone={tone} announced>
            {words}
          </Badge>
          <Actions task={task} />
        </div>
      </header>
      <div className="grid gap-x-10 gap-y-8 md:grid-cols-[minmax(0,1fr)_15rem]">
        <div className="flex min-w-0 flex-col gap-8">
          {task.error && <Failure error={task.error} />}
          <Provisioning steps={task.steps} explained={task.error?.message} />
          {isComplete && (
            <>
              <Sessions task={task} />
              <History id={task.id} revision={task.revision} />
            </>
          )}
        </div>
        <Details task={task} />
      </div>
    </article>
  );
});

/** The outline of the page, without movement: most of the time it is seen for a moment only. */
function Loading() {
  return (
    <div aria-busy className="fade-in-late mx-auto flex max-w-5xl flex-col gap-6 px-4 py-12">
      <p className="sr-only">Loading the task</p>
      <div className="h-6 w-2/3 rounded bg-hover" />
      <div className="h-4 w-32 rounded bg-hover" />
      <div className="h-48 rounded bg-hover" />
    </div>
  );
}
