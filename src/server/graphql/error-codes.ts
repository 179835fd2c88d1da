import type { ErrorDescription } from '../../tasks/domain/error-codes.ts';

interface ApiErrorDescription extends ErrorDescription {
  /** The HTTP status of every response with this code. Without it, the status depends on the request. */
  readonly status?: number;
}

/** Every `extensions.code` that the API sends. */
export const apiErrorCodes = {
  UNAUTHENTICATED: {
    when: 'The request has no valid token.',
    remedy:
      'Send `Authorization: Bearer TOKEN` as a header, or over WebSocket in the payload of `connection_init`. The token may have expired.',
    status: 401,
  },
  FORBIDDEN: {
    when: 'The token is valid, but its scopes do not allow the operation.',
    remedy: 'Use a token with the scope that the operation needs.',
  },
  NOT_FOUND: {
    when: 'The object does not exist, or it belongs to another workspace.',
    remedy: 'Check the id, and that the token belongs to the workspace of the object.',
  },
  BAD_USER_INPUT: {
    when: 'An argument, a variable or the request itself is not valid. `extensions.field` names the input, where one is to blame.',
    remedy: 'Correct the input as the message says.',
  },
  IDEMPOTENCY_CONFLICT: {
    when: 'The idempotency key was used before with another input.',
    remedy: 'Use a new key for a new input. Repeat a call with exactly the same input.',
  },
  INVALID_STATE: {
    when: 'The current status of the task does not allow the action. `extensions.status` is that status.',
    remedy: 'Read `Task.availableActions` before the call, or wait for another status.',
  },
  QUOTA_EXCEEDED: {
    when: 'The workspace has as many tasks that are neither CANCELED nor ARCHIVED, or as many webhooks, as it may have.',
    remedy:
      'Cancel or archive tasks, or ask the operator to raise the limit. Delete a webhook before you make another one.',
  },
  RATE_LIMITED: {
    when: 'The token has used up its points (`Query.rateLimit`), a WebSocket has too many running operations, or too many wrong tokens came from the address.',
    remedy: 'Wait as long as the header `Retry-After` says, or complete operations of the socket.',
    status: 429,
  },
  QUERY_TOO_COMPLEX: {
    when: 'The operation is too large, too deeply nested or too costly, or it took longer than 30 seconds.',
    remedy: 'Ask for fewer fields or smaller pages, or split the operation.',
  },
  GRAPHQL_PARSE_FAILED: {
    when: 'The document is not valid GraphQL syntax.',
    remedy: 'Correct the document at the position in `locations`.',
  },
  GRAPHQL_VALIDATION_FAILED: {
    when: 'The document does not match the schema.',
    remedy: 'Compare the document with schema.graphql. The client may be newer than the server.',
  },
  INTERNAL_SERVER_ERROR: {
    when: 'The server failed. Details are only in its log, under the id in `extensions.errorId`. With `extensions.retryable`, its database is away or takes no changes for now.',
    remedy:
      'Try again later; with `extensions.retryable`, in a moment. If it keeps failing, give the id to the operator.',
  },
} as const satisfies Readonly<Record<string, ApiErrorDescription>>;

export type ApiErrorCode = keyof typeof apiErrorCodes;

export function isApiErrorCode(code: unknown): code is ApiErrorCode {
  return typeof code === 'string' && Object.hasOwn(apiErrorCodes, code);
}
