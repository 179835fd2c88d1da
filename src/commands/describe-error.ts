import { ConfigError } from '../config.ts';
import { isConnectionError, isDatabaseError } from '../db/connection-error.ts';
import { EmbeddedPostgresError } from '../db/embedded/error.ts';

/** One line for errors that the operator can fix; the stack for bugs. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError || error instanceof EmbeddedPostgresError) return error.message;
  if (isDatabaseError(error) || isConnectionError(error)) {
    return `DATABASE_URL: ${firstLine(error)}`;
  }
  return error.stack ?? error.message;
}

/** A host with several addresses fails with one error for each, and no message of its own. */
function firstLine(error: Error): string {
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  return first.message.split('\n', 1)[0] || first.name;
}
