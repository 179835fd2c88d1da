import type { TaskStatus } from './status.ts';

/** The codes of a caller's own mistakes. Every other error is the server's. */
export type DomainErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'IDEMPOTENCY_CONFLICT'
  | 'INVALID_STATE'
  | 'QUOTA_EXCEEDED'
  | 'RATE_LIMITED';

/**
 * A mistake of the caller, with a message that may be shown to it. Knows no GraphQL: `src/server/graphql/errors.ts` translates it,
 * once, at the edge.
 */
export abstract class DomainError extends Error {
  abstract readonly code: DomainErrorCode;
  /** The field of the input that is wrong, where it is one. */
  readonly field: string | undefined;

  constructor(message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.field = options.field;
  }
}

/** The credential opens nothing. */
export class UnauthenticatedError extends DomainError {
  override readonly name = 'UnauthenticatedError';
  readonly code = 'UNAUTHENTICATED';
}

/** The credential is valid, and its scopes do not allow what was asked. */
export class ForbiddenError extends DomainError {
  override readonly name = 'ForbiddenError';
  readonly code = 'FORBIDDEN';
}

/** The workspace has as many active tasks, or webhooks, as it may have. */
export class QuotaExceededError extends DomainError {
  override readonly name = 'QuotaExceededError';
  readonly code = 'QUOTA_EXCEEDED';
}

/** The caller has used up its points, or tries tokens too fast. */
export class RateLimitedError extends DomainError {
  override readonly name = 'RateLimitedError';
  readonly code = 'RATE_LIMITED';
  /** Milliseconds until the caller may go on. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The object does not exist, or it is another workspace's: the two answer alike. */
export class NotFoundError extends DomainError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
}

export class InvalidInputError extends DomainError {
  override readonly name = 'InvalidInputError';
  readonly code = 'BAD_USER_INPUT';
}

/** The idempotency key was used before, with another input, or for a task that was deleted since. */
export class IdempotencyConflictError extends DomainError {
  override readonly name = 'IdempotencyConflictError';
  readonly code = 'IDEMPOTENCY_CONFLICT';
}

/** The task's status does not allow what was asked. */
export class InvalidStateError extends DomainError {
  override readonly name = 'InvalidStateError';
  readonly code = 'INVALID_STATE';
  readonly status: TaskStatus;

  constructor(message: string, status: TaskStatus) {
    super(message);
    this.status = status;
  }
}
