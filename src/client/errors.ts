import type { CombinedError } from '@urql/core';
import type { TaskFieldsFragment } from './generated/graphql.ts';

/** A task with its steps, sandbox and sessions, at one revision. */
export type Task = TaskFieldsFragment;

/** The API refused an operation, failed at it, or could not be reached. */
export class GroundcrewError extends Error {
  override readonly name = 'GroundcrewError';
  /**
   * `extensions.code` of the first error, for instance NOT_FOUND, BAD_USER_INPUT, INVALID_STATE, UNAUTHENTICATED or
   * INTERNAL_SERVER_ERROR. NETWORK_ERROR when no response came.
   */
  readonly code: string;
  /** The argument or input field that is wrong, when the error is about one. */
  readonly field: string | undefined;

  constructor(message: string, options: { code: string; field?: string | undefined; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.field = options.field;
  }
}

/** The task has a status from which it does not become RUNNING without another operation: ERROR, CANCELED or ARCHIVED. */
export class TaskNotReadyError extends Error {
  override readonly name = 'TaskNotReadyError';
  /** The task at that status; in ERROR, `task.error` says what failed. */
  readonly task: Task;

  constructor(task: Task) {
    super(task.error ? `${task.error.code}: ${task.error.message}` : `The task is ${task.status}.`);
    this.task = task;
  }
}

interface ApiError {
  readonly message: string;
  readonly extensions?: Record<string, unknown> | undefined;
}

const internal = 'INTERNAL_SERVER_ERROR';

/** Whether the server failed (not the request), so that retrying makes sense. */
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
