import { useEffect, useRef, useState } from 'react';
import { toast } from 'sonner';
import { GroundcrewError, type Task, type TaskAction } from '../../client/client.ts';
import { Button } from '../components/button.tsx';
import { groundcrew } from '../groundcrew.ts';
import { missingActionReason } from '../words.ts';
import { ConfirmDialog } from './confirm-dialog.tsx';

/** What may be done with the task now. What is not possible says why. */
export function Actions({ task }: { readonly task: Task }) {
  const [running, setRunning] = useState(false);
  const reason = (action: TaskAction) =>
    task.availableActions.includes(action) ? undefined : missingActionReason(action, task.status);

  const element = useRef<HTMLDivElement>(null);
  const retried = useRef(false);
  // Its button is gone then, and the focus with it.
  useEffect(() => {
    if (retried.current && document.activeElement === document.body) element.current?.focus();
    retried.current = false;
  }, [task.status]);

  async function run(action: (id: string) => Promise<unknown>): Promise<void> {
    if (running) return;
    setRunning(true);
    try {
      await action(task.id);
    } catch (error) {
      toast.error(messageOf(error));
    }
    setRunning(false);
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div
      ref={element}
      role="group"
      aria-label="Actions"
      tabIndex={-1}
      className="flex flex-wrap gap-2 focus:outline-none"
    >
      {task.status === 'ERROR' && (
        <Button
          look="primary"
          disabledReason={reason('RETRY')}
          onClick={() => {
            retried.current = true;
            void run(groundcrew.retryTask);
          }}
        >
          Retry
        </Button>
      )}
      <ConfirmDialog
        action="Archive"
        disabledReason={reason('ARCHIVE')}
        consequences={`${whatIsDestroyed(task)} The task and its history are kept. This cannot be undone.`}
        onConfirm={() => run(groundcrew.archiveTask)}
      />
      <ConfirmDialog
        action="Cancel task"
        disabledReason={reason('CANCEL')}
        consequences={`The task stops, whatever it is doing. ${whatIsDestroyed(task)} This cannot be undone.`}
        onConfirm={() => run(groundcrew.cancelTask)}
      />
    </div>
  );
}

export function messageOf(error: unknown): string {
  if (!(error instanceof GroundcrewError)) return String(error);
  return error.code === 'NETWORK_ERROR'
    ? 'The server cannot be reached. Try again in a moment.'
    : error.message;
}

function whatIsDestroyed({ sandbox, branchName }: Task): string {
  if (!sandbox) return 'Its sandbox is destroyed, if one is being made.';
  const branch = branchName ? ` on the branch ${branchName}` : '';
  return `Its sandbox is destroyed, with all changes${branch} that were not pushed.`;
}
