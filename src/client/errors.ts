import type { CombinedError } from '@urql/core';
import type { TaskFieldsFragment } from './generated/graphql.ts';

/** A task with its steps, sandbox and sessions, as all helpers of the client return it. */
export type Task = TaskFieldsFragment;

/** What the API refused, or could not do. */
export class GroundcrewError extends Error {
  override readonly name = 'GroundcrewError';
  /** `extensions.code` of the first error, as in the API's contract; NETWORK_ERROR when there was no answer. */
  readonly code: string;
  /** The input's name, where one is to blame. */
  readonly field: string | undefined;

  constructor(message: string, options: { code: string; field?: string | undefined; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.field = options.field;
  }
}

/** The task got to a status from which it does not become RUNNING by itself. */
export class TaskNotReadyError extends Error {
  override readonly name = 'TaskNotReadyError';
  readonly task: Task;

  constructor(task: Task) {
    super(task.error ? `${task.error.code}: ${task.error.message}` : `the task is ${task.status}`);
    this.task = task;
  }
}

interface ApiError {
  readonly message: string;
  readonly extensions?: Record<string, unknown> | undefined;
}

const internal = 'INTERNAL_SERVER_ERROR';

/** Whether the server could not, where it would have: what nobody has to change is worth another try. */
export function isInternal(error: ApiError): boolean {
  return error.extensions?.code === internal;
}

export function fromCombinedError(error: CombinedError): GroundcrewError {
  const [first] = error.graphQLErrors;
  return first
    ? fromGraphqlError(first, error)
    : new GroundcrewError(error.message, { code: 'NETWORK_ERROR', cause: error });
}

export function fromGraphqlError(error: ApiError, cause?: unknown): GroundcrewError {
  const { code, field } = error.extensions ?? {};
  return new GroundcrewError(error.message, {
    code: typeof code === 'string' ? code : internal,
    field: typeof field === 'string' ? field : undefined,
    cause,
  });
}
