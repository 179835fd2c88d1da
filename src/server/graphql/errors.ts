import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from '../../log.ts';
import { DomainError, InvalidStateError, RateLimitedError } from '../../tasks/domain/errors.ts';
import { type ApiErrorCode, apiErrorCodes, isApiErrorCode } from './error-codes.ts';

export function edgeError(message: string, code: ApiErrorCode): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** Refuses an operation before it runs. Holds one or more errors. */
export class OperationRefusedError extends Error {
  override readonly name = 'OperationRefusedError';
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'The operation was refused.');
    this.errors = errors;
  }
}

export interface ErrorTranslationOptions {
  readonly logger: Logger;
  /** Whether the same work may succeed in a moment. */
  readonly isTransient: (error: unknown) => boolean;
}

export type TranslateError = (error: unknown) => GraphQLError;

/**
 * Turns what was thrown into what a client may see, and logs it. Every error of every operation MUST pass through here, on
 * HTTP and on WebSocket. An error without a public code is logged under an id and leaves as INTERNAL_SERVER_ERROR.
 */
export function createErrorTranslation(options: ErrorTranslationOptions): TranslateError {
  return (error) => {
    const translated = translate(error) ?? maskError(error, options);
    // Without the message: graphql quotes the values of variables in it.
    options.logger.debug({ code: translated.extensions.code, path: translated.path }, 'operation failed');
    return translated;
  };
}

/** The form that is sent. Removes what Yoga stores in the extensions for its own use. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const formatted = error.toJSON();
  const { http: _http, unexpected: _unexpected, ...extensions } = error.extensions;
  return { ...formatted, extensions };
}

/** The code under which an error leaves. */
export function publicCodeOf(error: unknown): ApiErrorCode {
  const code = translate(error)?.extensions.code;
  return isApiErrorCode(code) ? code : 'INTERNAL_SERVER_ERROR';
}

function translate(error: unknown): GraphQLError | undefined {
  const cause = rootCause(error);
  if (cause instanceof DomainError) {
    return withLocationOf(cause.message, cause.code, detailsOf(cause), error);
  }
  if (!(cause instanceof GraphQLError)) return undefined;
  const code = cause.extensions.code;
  if (typeof code === 'string') {
    if (isApiErrorCode(code)) return asGraphQL(error);
    const known = codeOfYoga[code];
    if (known === undefined) return undefined;
    // With `spec`, Yoga answers a malformed request with 200 unless the client accepts application/graphql-response+json.
    const http = { ...Object(cause.extensions.http), spec: false };
    const message = cause.message.endsWith('.') ? cause.message : `${cause.message}.`;
    return withLocationOf(message, known, { http }, error);
  }
  // The only error of the caller that graphql raises during execution: an argument without an allowed value.
  const argument = /^Argument "(?:[^"]*\()?(\w+)/.exec(cause.message)?.[1];
  return argument ? withLocationOf(cause.message, 'BAD_USER_INPUT', { field: argument }, error) : undefined;
}

/** The codes with which Yoga refuses malformed requests. */
const codeOfYoga: Readonly<Record<string, ApiErrorCode>> = {
  BAD_REQUEST: 'BAD_USER_INPUT',
  REQUEST_ENTITY_TOO_LARGE: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
};

function detailsOf(error: DomainError): Record<string, unknown> {
  return {
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error instanceof InvalidStateError ? { status: error.status.toUpperCase() } : {}),
    ...(error instanceof RateLimitedError ? { http: httpOf(error) } : {}),
  };
}

/** What Yoga makes of the error; it is not sent. */
export function httpOf({ retryAfterMs }: RateLimitedError) {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return { status: apiErrorCodes.RATE_LIMITED.status, headers: { 'retry-after': String(seconds) } };
}

function maskError(error: unknown, { logger, isTransient }: ErrorTranslationOptions): GraphQLError {
  const errorId = randomUUID();
  const path = error instanceof GraphQLError ? error.path : undefined;
  const err = rootCause(error);
  const retryable = isTransient(err);
  logger.error({ err, errorId, path, ...(retryable && { retryable }) }, 'internal error');
  // `unexpected` makes Yoga answer with 500 when the result has no data.
  const details = { errorId, unexpected: true, ...(retryable && { retryable }) };
  const message = retryable
    ? 'The server is temporarily unavailable. Try again in a moment.'
    : 'Internal server error.';
  return withLocationOf(message, 'INTERNAL_SERVER_ERROR', details, error);
}

/** graphql wraps what a resolver throws, and graphql-ws wraps what a source throws. */
export function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function asGraphQL(error: unknown): GraphQLError | undefined {
  return error instanceof GraphQLError ? error : undefined;
}

/** A new error at the same place of the document. It has no `originalError`, so nothing internal can be sent. */
function withLocationOf(
  message: string,
  code: ApiErrorCode,
  details: Record<string, unknown>,
  error: unknown,
): GraphQLError {
  const { nodes, source, positions, path } = asGraphQL(error) ?? {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { code, ...details } });
}
