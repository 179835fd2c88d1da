import type { ReactNode } from 'react';
import type { Task } from '../../client/client.ts';
import { CopyButton } from '../components/copy-button.tsx';
import { Time } from '../components/time.tsx';

/** What the task works on, and where. */
export function Details({ task }: { readonly task: Task }) {
  return (
    <aside aria-label="Details" className="min-w-0">
      <dl className="flex flex-col gap-4 max-md:grid max-md:grid-cols-2">
        <Detail name="Repository">
          <span title={task.project.repoUrl} className="wrap-anywhere">
            {task.project.name}
          </span>
        </Detail>
        <Detail name="Branch">
          {task.branchName ? <CopyButton text={task.branchName} what="branch" /> : 'Not settled yet'}
        </Detail>
        <Detail name="Starts from">
          <span className="wrap-anywhere">{task.baseRef ?? 'the default branch'}</span>
        </Detail>
        <Detail name="Sandbox">
          {task.sandbox ? (
            <CopyButton text={task.sandbox.cwd ?? task.sandbox.id} what="sandbox" />
          ) : (
            `None (${task.provider})`
          )}
        </Detail>
        <Detail name="Agent">{task.agent}</Detail>
        <Detail name="Created">
          <Time at={task.createdAt} look="ago" />
        </Detail>
        {task.readyAt && (
          <Detail name="Ready">
            <Time at={task.readyAt} look="ago" />
          </Detail>
        )}
      </dl>
    </aside>
  );
}

function Detail({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-0.5">
      <dt className="text-soft text-xs">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
