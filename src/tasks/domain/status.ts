/** Where a task is. Stored in lower case, as here; the API says the same names in upper case. */
export const taskStatuses = [
  'init_enqueue_provision',
  'init_ensure_name',
  'init_create_sandbox',
  'init_ensure_agent',
  'init_create_session',
  'running',
  'error',
  'canceled',
  'archived',
] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** The steps that get a task ready, in their order. */
export const stepNames = ['ensure_name', 'create_sandbox', 'ensure_agent', 'create_session'] as const;
export type StepName = (typeof stepNames)[number];

export const stepStates = ['pending', 'running', 'succeeded', 'failed'] as const;
export type StepState = (typeof stepStates)[number];

export const sessionStatuses = [
  'pending_provision',
  'pending_session_create',
  'ready',
  'error',
  'closed',
] as const;
export type SessionStatus = (typeof sessionStatuses)[number];

/** What may be done with a task from outside. */
export const taskActions = ['retry', 'cancel', 'archive', 'create_session'] as const;
export type TaskAction = (typeof taskActions)[number];

/** The status a task has while a step is under way. */
export const statusOfStep = {
  ensure_name: 'init_ensure_name',
  create_sandbox: 'init_create_sandbox',
  ensure_agent: 'init_ensure_agent',
  create_session: 'init_create_session',
} as const satisfies Record<StepName, TaskStatus>;
