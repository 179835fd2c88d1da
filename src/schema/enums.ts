import type { SessionStatus, StepName, StepState, TaskAction, TaskStatus } from '../tasks/domain/status.ts';
import type { SessionActivity } from '../tasks/domain/task-state.ts';
import type { TokenScope } from '../tasks/domain/viewer.ts';
import type { DeliveryState } from '../tasks/domain/webhook.ts';
import { builder } from './builder.ts';

/** An enum of the API. Its values are in upper case, and stored in lower case under the same names. */
export function enumOf<T extends string>(name: string, description: string, values: Record<T, string>) {
  const entries = Object.entries<string>(values).map(([value, about]) => [
    value.toUpperCase(),
    { value: value as T, description: about },
  ]);
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(entries) as Record<string, { value: T; description: string }>,
  });
}

export const TaskStatusEnum = enumOf<TaskStatus>('TaskStatus', 'The status of a task.', {
  init_enqueue_provision: 'The task is stored and waits for a worker.',
  init_ensure_name: 'The step ENSURE_NAME is running: it reads the repository and settles title and branch.',
  init_create_sandbox: 'The step CREATE_SANDBOX is running: it makes the sandbox and checks the branch out.',
  init_ensure_agent:
    "The step ENSURE_AGENT is running: it installs and starts the agent's server in the sandbox.",
  init_create_session: 'The step CREATE_SESSION is running: it opens the first session with the agent.',
  running: 'The task is provisioned: its first session is ready.',
  error:
    'Provisioning has failed. `Task.error` says at which step and why; `retryTask` continues at that step.',
  canceled: 'Stopped by `cancelTask`. This status is final.',
  archived: 'Archived by `archiveTask`. This status is final.',
});

export const StepNameEnum = enumOf<StepName>('StepName', 'The steps that provision a task, in their order.', {
  ensure_name: 'Reads the repository and settles title and branch.',
  create_sandbox: 'Makes the sandbox and checks the branch out in it.',
  ensure_agent: "Installs and starts the agent's server in the sandbox.",
  create_session: 'Opens the first session and sends the prompt to the agent.',
});

export const StepStateEnum = enumOf<StepState>('StepState', 'The state of a step.', {
  pending: 'Not started, or waiting for its next attempt.',
  running: 'An attempt is running.',
  succeeded: 'Finished.',
  failed: 'The latest attempt failed; `nextAttemptAt` is set when another one is planned.',
});

export const SessionStatusEnum = enumOf<SessionStatus>('SessionStatus', 'The status of a session.', {
  pending_provision: 'The session is stored and waits until its task is provisioned.',
  pending_session_create: 'The session is being opened with the agent.',
  ready: 'The session is open.',
  error: 'The session could not be opened; `Session.error` says why.',
  closed: 'The task was canceled or archived.',
});

export const SessionActivityEnum = enumOf<SessionActivity>(
  'SessionActivity',
  'What the agent of a session is doing.',
  {
    none: 'The session is not READY.',
    idle: 'It waits for a prompt.',
    working: 'It works on a prompt.',
    waiting: 'It waits for an answer to a request.',
  },
);

export const TaskActionEnum = enumOf<TaskAction>('TaskAction', 'An action on a task.', {
  retry: 'Call `retryTask`.',
  cancel: 'Call `cancelTask`.',
  archive: 'Call `archiveTask`.',
  create_session: 'Call `createSession`.',
});

export const TokenScopeEnum = enumOf<TokenScope>('TokenScope', 'What a token may do.', {
  tasks_read: 'Queries and subscriptions.',
  tasks_write: 'All of TASKS_READ, and the mutations of tasks, sessions, prompts and requests.',
  admin: 'All of TASKS_WRITE, tokens and webhooks.',
});

export const WebhookDeliveryStateEnum = enumOf<DeliveryState>(
  'WebhookDeliveryState',
  'The state of a delivery.',
  {
    pending: 'It is to be sent, or to be attempted again: `attempts` says how often it was attempted.',
    delivered: 'The receiver has accepted it.',
    failed: 'A test that the receiver did not accept. A revision is attempted again instead.',
  },
);
