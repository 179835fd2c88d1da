import { ConfigError } from '../config.ts';
import { describeDatabaseError } from '../db/describe-database-error.ts';
import { EmbeddedPostgresError } from '../db/embedded/error.ts';
import { DomainError } from '../tasks/domain/errors.ts';
import { UsageError } from './usage-error.ts';

/** One line for errors that the operator can fix; the stack for bugs. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (
    error instanceof ConfigError ||
    error instanceof EmbeddedPostgresError ||
    error instanceof DomainError ||
    error instanceof UsageError
  ) {
    return error.message;
  }
  // Graphile Worker asks for the home folder when it is imported.
  if (isHomeUnknown(error)) {
    return `HOME must be set to a folder: user id ${process.getuid?.()} has no entry in /etc/passwd.`;
  }
  const database = describeDatabaseError(error);
  return database === null ? (error.stack ?? error.message) : `DATABASE_URL cannot be used: ${database}`;
}

function isHomeUnknown(error: Error): boolean {
  return (error as { syscall?: unknown }).syscall === 'uv_os_homedir';
}
