import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from '../../log.ts';
import { DomainError, InvalidStateError } from '../../tasks/domain/errors.ts';

/** Every `extensions.code` that this folder itself gives out; see the contract's list for their meanings. */
export type EdgeErrorCode =
  | 'UNAUTHENTICATED'
  | 'BAD_USER_INPUT'
  | 'RATE_LIMITED'
  | 'QUERY_TOO_COMPLEX'
  | 'INTERNAL_SERVER_ERROR'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED';

export function edgeError(message: string, code: EdgeErrorCode): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** Several errors that end an operation before it has a result. */
export class OperationRefusedError extends Error {
  override readonly name = 'OperationRefused';
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'Refused.');
    this.errors = errors;
  }
}

export type TranslateError = (error: unknown) => GraphQLError;

/**
 * Turns whatever was thrown into what a client may see, and logs it. Every error of every operation goes through here,
 * on HTTP and on WebSocket: what has no code that a client may know leaves as INTERNAL_SERVER_ERROR, under an id.
 */
export function createErrorTranslation(logger: Logger): TranslateError {
  return (error) => {
    const translated = translate(error) ?? maskError(error, logger);
    // No message: graphql quotes values of variables in it.
    logger.debug({ code: translated.extensions.code, path: translated.path }, 'operation failed');
    return translated;
  };
}

/** What goes over the wire; leaves out what Yoga keeps in the extensions for itself. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const formatted = error.toJSON();
  const { http: _http, unexpected: _unexpected, ...extensions } = error.extensions;
  return { ...formatted, extensions };
}

function translate(error: unknown): GraphQLError | undefined {
  const cause = rootCause(error);
  if (cause instanceof DomainError) {
    return withLocationOf(cause.message, extensionsOf(cause), error);
  }
  if (!(cause instanceof GraphQLError)) return undefined;
  const code = cause.extensions.code;
  if (typeof code === 'string') {
    const known = codeOfYoga[code];
    if (known === undefined) return asGraphQL(error);
    // Not `spec`: such a request gets its 4xx whatever it accepts, as it is none.
    const http = { ...Object(cause.extensions.http), spec: false };
    return withLocationOf(cause.message, { code: known, http }, error);
  }
  // The one kind of error that graphql itself raises while it executes for which the caller is to blame.
  const argument = /^Argument "(?:[^"]*\()?(\w+)/.exec(cause.message)?.[1];
  return argument
    ? withLocationOf(cause.message, { code: 'BAD_USER_INPUT', field: argument }, error)
    : undefined;
}

/** Yoga refuses malformed requests in words of its own. */
const codeOfYoga: Readonly<Record<string, EdgeErrorCode>> = {
  BAD_REQUEST: 'BAD_USER_INPUT',
  REQUEST_ENTITY_TOO_LARGE: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
};

function extensionsOf(error: DomainError): Record<string, unknown> {
  return {
    code: error.code,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error instanceof InvalidStateError ? { status: error.status.toUpperCase() } : {}),
  };
}

function maskError(error: unknown, logger: Logger): GraphQLError {
  const errorId = randomUUID();
  const path = error instanceof GraphQLError ? error.path : undefined;
  logger.error({ err: rootCause(error), errorId, path }, 'internal error');
  // `unexpected` makes Yoga answer with 500 when there is no data beside it.
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId, unexpected: true };
  return withLocationOf('Internal server error.', extensions, error);
}

/** graphql wraps what a resolver throws, and so does graphql-ws what a source throws. */
export function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function asGraphQL(error: unknown): GraphQLError | undefined {
  return error instanceof GraphQLError ? error : undefined;
}

/** A new error in the same place of the document: without `originalError`, so that nothing of it can leave. */
function withLocationOf(message: string, extensions: Record<string, unknown>, place: unknown): GraphQLError {
  const { nodes, source, positions, path } = asGraphQL(place) ?? {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}
