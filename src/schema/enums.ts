import type { SessionStatus, StepName, StepState, TaskAction, TaskStatus } from '../tasks/domain/status.ts';
import { builder } from './builder.ts';

/** An enum of the API, in upper case, for values that are stored in lower case under the same names. */
function enumOf<T extends string>(name: string, description: string, values: Record<T, string>) {
  const entries = Object.entries<string>(values).map(([value, about]) => [
    value.toUpperCase(),
    { value: value as T, description: about },
  ]);
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(entries) as Record<string, { value: T; description: string }>,
  });
}

export const TaskStatusEnum = enumOf<TaskStatus>(
  'TaskStatus',
  'Where a task is. Stored in lower case, under the same names.',
  {
    init_enqueue_provision: 'Stored, and its provisioning queued.',
    init_ensure_name: 'Settling its title and its branch, with a look at the repository.',
    init_create_sandbox: 'Making the sandbox, with the repository checked out on the branch.',
    init_ensure_agent: "Installing and starting the agent's server in the sandbox.",
    init_create_session: 'Opening the first session with the agent.',
    running: 'Provisioned: its first session is ready.',
    error: 'Provisioning gave up. `Task.error` says at which step, and why; `retryTask` goes on from there.',
    canceled: 'Stopped by `cancelTask`. Final.',
    archived: 'Put away by `archiveTask`. Final.',
  },
);

export const StepNameEnum = enumOf<StepName>('StepName', 'The steps that get a task ready, in their order.', {
  ensure_name: 'Settles the title and the branch, with a look at the repository.',
  create_sandbox: 'Makes the sandbox, with the repository checked out on the branch.',
  ensure_agent: "Installs and starts the agent's server in the sandbox.",
  create_session: 'Opens the first session, and hands the agent its prompt.',
});

export const StepStateEnum = enumOf<StepState>('StepState', 'How a step is doing.', {
  pending: 'Not begun, or to be begun again.',
  running: 'Being tried.',
  succeeded: 'Done.',
  failed: 'Its last try failed; `nextAttemptAt` says whether there will be another.',
});

export const SessionStatusEnum = enumOf<SessionStatus>('SessionStatus', 'Where a session is.', {
  pending_provision: 'Stored; its task is not provisioned yet.',
  pending_session_create: 'About to be opened with the agent.',
  ready: 'Open.',
  error: 'Could not be opened; `Session.error` says why.',
  closed: 'Its task was canceled or archived.',
});

export const TaskActionEnum = enumOf<TaskAction>('TaskAction', 'What may be done with a task.', {
  retry: '`retryTask`.',
  cancel: '`cancelTask`.',
  archive: '`archiveTask`.',
  create_session: '`createSession`.',
});
