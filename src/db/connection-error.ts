import { DriverException } from '@mikro-orm/core';
import { DatabaseError } from 'pg';

/** Node's codes for a connection that was refused, cut or never came about. */
const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
]);

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: the server stops, starts, or has no room for one more. */
const serverCodes = /^(08...|57P0[1-5]|53300|25006|25P03)$/;

const messages =
  /connection terminated|connection timeout|timeout exceeded|timeout expired|query read timeout|client was closed|connection error/i;

/** The database takes no writes now: it is a standby, or was set to read-only. */
export class ReadOnlyDatabaseError extends Error {
  override readonly name = 'ReadOnlyDatabaseError';

  constructor() {
    super('the database is read-only.');
  }
}

/** Whether the database could not be reached or went away: nothing is wrong with the query, and another attempt may help. */
export function isConnectionError(error: unknown): boolean {
  return causesOf(error).some((cause) => {
    const code = codeOf(cause);
    return (
      socketCodes.has(code) ||
      serverCodes.test(code) ||
      messages.test(cause.message) ||
      isSocketMissing(cause)
    );
  });
}

/** Whether the server, the database, the role or PgBouncer has no room for one more connection. */
export function isTooManyConnections(error: unknown): boolean {
  return causesOf(error).some(
    (cause) => codeOf(cause) === '53300' || /no more connections allowed/.test(cause.message),
  );
}

/** Whether a connection was not ready in time. */
export function isConnectTimeout(error: unknown): boolean {
  return causesOf(error).some(({ message }) => /^timeout expired|due to connection timeout/.test(message));
}

/** Whether the server was reached and refuses us for now: it starts, takes no writes, or has no room. */
export function isTemporaryRefusal(error: unknown): boolean {
  return (
    isTooManyConnections(error) ||
    causesOf(error).some(
      (cause) => cause instanceof ReadOnlyDatabaseError || /^(57P03|25006)$/.test(codeOf(cause)),
    )
  );
}

/** Whether transactions waited for each other, and PostgreSQL has taken back this one. */
export function isDeadlock(error: unknown): boolean {
  return causesOf(error).some((cause) => codeOf(cause) === '40P01');
}

/** The file of a unix socket is there while the server runs. */
function isSocketMissing(error: Error): boolean {
  return codeOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'connect';
}

/** The error, and those that it wraps. */
export function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let cause = error; cause instanceof Error && causes.length < 5; ) {
    causes.push(cause);
    cause = (cause as { previous?: unknown }).previous ?? cause.cause;
  }
  return causes;
}

/** The code that Node or PostgreSQL gave the error; empty when there is none. */
export function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Whether a query of ours failed: what the database says of it names tables, and is not for everybody. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof DatabaseError || error instanceof DriverException;
}
