import type {
  PromptState,
  SessionStatus,
  StepName,
  StepState,
  TaskAction,
  TaskStatus,
  ToolCallStatus,
} from '../client/client.ts';
import type { TaskEventKind } from '../tasks/domain/machine-event.ts';

// What the API's enums are called on the page. A value that the API adds is a compile error here.

/** `busy`: something is being done. `waiting`: nothing is, yet. */
export type Tone = 'waiting' | 'busy' | 'good' | 'bad' | 'over';

export const statuses = {
  INIT_ENQUEUE_PROVISION: { words: 'Queued', tone: 'waiting' },
  INIT_ENSURE_NAME: { words: 'Settling the name', tone: 'busy' },
  INIT_CREATE_SANDBOX: { words: 'Creating the sandbox', tone: 'busy' },
  INIT_ENSURE_AGENT: { words: 'Starting the agent', tone: 'busy' },
  INIT_CREATE_SESSION: { words: 'Opening the session', tone: 'busy' },
  RUNNING: { words: 'Running', tone: 'good' },
  ERROR: { words: 'Error', tone: 'bad' },
  CANCELED: { words: 'Canceled', tone: 'over' },
  ARCHIVED: { words: 'Archived', tone: 'over' },
} as const satisfies Record<TaskStatus, { words: string; tone: Tone }>;

export const steps = {
  ENSURE_NAME: { title: 'Name and branch', hint: 'Reads the repository, settles title and branch.' },
  CREATE_SANDBOX: { title: 'Sandbox', hint: 'Makes the sandbox with a checkout of the branch.' },
  ENSURE_AGENT: { title: 'Agent', hint: 'Installs the agent and starts its server.' },
  CREATE_SESSION: { title: 'Session', hint: 'Opens the first session and hands over the prompt.' },
} as const satisfies Record<StepName, { title: string; hint: string }>;

export const stepStates = {
  PENDING: { words: 'Waiting', tone: 'waiting' },
  RUNNING: { words: 'Running', tone: 'busy' },
  SUCCEEDED: { words: 'Done', tone: 'good' },
  FAILED: { words: 'Failed', tone: 'bad' },
} as const satisfies Record<StepState, { words: string; tone: Tone }>;

export const sessionStatuses = {
  PENDING_PROVISION: { words: 'Preparing environment', tone: 'waiting' },
  PENDING_SESSION_CREATE: { words: 'Preparing environment', tone: 'busy' },
  READY: { words: 'Ready', tone: 'good' },
  ERROR: { words: 'Failed', tone: 'bad' },
  CLOSED: { words: 'Closed', tone: 'over' },
} as const satisfies Record<SessionStatus, { words: string; tone: Tone }>;

export const toolCallStatuses = {
  PENDING: { words: 'Waiting', tone: 'waiting' },
  IN_PROGRESS: { words: 'Running', tone: 'busy' },
  COMPLETED: { words: 'Done', tone: 'good' },
  FAILED: { words: 'Failed', tone: 'bad' },
  CANCELED: { words: 'Stopped', tone: 'over' },
} as const satisfies Record<ToolCallStatus, { words: string; tone: Tone }>;

const planEntryStatuses: Readonly<Record<string, { words: string; tone: Tone }>> = {
  pending: { words: 'Waiting', tone: 'waiting' },
  in_progress: { words: 'Running', tone: 'busy' },
  completed: { words: 'Done', tone: 'good' },
};

/** How far an agent is with a part of its plan. Agents may have other words for it. */
export function planEntryWords(status: string): { words: string; tone: Tone } {
  return planEntryStatuses[status] ?? { words: status, tone: 'waiting' };
}

/** What it means that a prompt is not delivered, as far as is known. */
export function undeliveredWords(state: PromptState, error: string | undefined): string {
  if (state === 'UNKNOWN')
    return 'Not known whether the agent has got this message, as something died while it was handed over. It is not sent again by itself.';
  return `The agent has not got this message. ${error ?? ''}`;
}

const stopReasons: Readonly<Record<string, string>> = {
  END_TURN: 'The agent has finished.',
  CANCELED: 'The agent was stopped.',
  REFUSAL: 'The agent refused to go on.',
  MAX_TOKENS: 'The agent has reached its limit of tokens.',
  MAX_TURN_REQUESTS: 'The agent has reached its limit of requests.',
  FAILED: 'The turn has failed.',
};

/** What the end of a turn is called. A server that is newer than the page has reasons that it does not know. */
export function turnEndWords(stopReason: string): string {
  return stopReasons[stopReason] ?? stopReason;
}

const eventKinds = {
  'task.created': 'Created',
  'task.named': 'Name and branch settled',
  'task.status_changed': 'Status changed',
  'task.retried': 'Retried',
  'task.canceled': 'Canceled',
  'task.archived': 'Archived',
  'step.started': 'Step started',
  'step.failed': 'Step failed',
  'step.interrupted': 'Step interrupted',
  'sandbox.created': 'Sandbox created',
  'sandbox.moved': 'Sandbox moved',
  'sandbox.released': 'Sandbox destroyed',
  'agent.started': 'Agent started',
  'session.created': 'Session added',
  'session.started': 'Session being opened',
  'session.ready': 'Session ready',
  'session.failed': 'Session failed',
  'session.interrupted': 'Session interrupted',
  'session.lost': 'Session lost',
  'prompt.queued': 'Prompt queued',
  'prompt.removed': 'Prompt removed',
  'prompt.sending': 'Prompt sent',
  'prompt.accepted': 'Agent works',
  'prompt.unknown': 'Prompt may be lost',
  'turn.ended': 'Turn ended',
  'turn.interrupted': 'Turn stopped',
  'request.opened': 'Agent asks',
  'request.answered': 'Request answered',
  'agent.restarted': 'Agent restarted',
} as const satisfies Record<TaskEventKind, string>;

/** What a kind of event is called. A server that is newer than the page has kinds that it does not know. */
export function eventWords(kind: string): string {
  return (eventKinds as Readonly<Record<string, string>>)[kind] ?? kind;
}

/** Why an action is not offered in a status. */
export function missingActionReason(action: TaskAction, status: TaskStatus): string {
  const now = statuses[status].words.toLowerCase();
  switch (action) {
    case 'RETRY':
      return `Only a task with an error can be retried. This one is: ${now}.`;
    case 'CANCEL':
      return `The task is ${now}, so there is nothing to cancel.`;
    case 'ARCHIVE':
      return `Only a task that is running or has an error can be archived. This one is: ${now}.`;
    case 'CREATE_SESSION':
      return `The task is ${now}, so it takes no more sessions.`;
  }
}
