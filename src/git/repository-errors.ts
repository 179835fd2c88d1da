import type { TaskErrorCode } from '../tasks/domain/error-codes.ts';

/** The repository does not exist, or git may not read it. */
export class RepositoryNotFoundError extends Error {
  override readonly name = 'RepositoryNotFoundError';
  readonly code = 'REPOSITORY_NOT_FOUND' satisfies TaskErrorCode;
  readonly retryable = false;
}

/** The repository's host cannot be reached now. */
export class RepositoryUnreachableError extends Error {
  override readonly name = 'RepositoryUnreachableError';
  readonly code = 'REPOSITORY_UNREACHABLE' satisfies TaskErrorCode;
  readonly retryable = true;
}

/** The repository is damaged, or it is a partial clone, so that it cannot send all of its objects. */
export class RepositoryIncompleteError extends Error {
  override readonly name = 'RepositoryIncompleteError';
  readonly code = 'REPOSITORY_INCOMPLETE' satisfies TaskErrorCode;
  readonly retryable = false;
}

/** The repository has no commit to start a branch from. */
export class RepositoryEmptyError extends Error {
  override readonly name = 'RepositoryEmptyError';
  readonly code = 'REPOSITORY_EMPTY' satisfies TaskErrorCode;
  readonly retryable = false;
}

/** The repository has no branch, tag or commit of the name to start from. */
export class BaseRefNotFoundError extends Error {
  override readonly name = 'BaseRefNotFoundError';
  readonly code = 'BASE_REF_NOT_FOUND' satisfies TaskErrorCode;
  readonly retryable = false;
}

/** Git accepts no branch of this name. */
export class InvalidBranchError extends Error {
  override readonly name = 'InvalidBranchError';
  readonly code = 'INVALID_BRANCH' satisfies TaskErrorCode;
  readonly retryable = false;
}
