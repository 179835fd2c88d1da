import { DriverException } from '@mikro-orm/core';
import { DatabaseError } from 'pg';

/** Node's codes for a connection that was refused, cut or never came about. */
const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
]);

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: the server stops, starts, or has no room for one more. */
const serverCodes = /^(08...|57P0[1-5]|53300|25006|25P03)$/;

const messages =
  /connection terminated|connection timeout|timeout exceeded|query read timeout|client was closed|connection error/i;

/** Whether the database could not be reached or went away: nothing is wrong with the query, another try may help. */
export function isConnectionError(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; depth += 1) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === 'string' && (socketCodes.has(code) || serverCodes.test(code))) return true;
    if (messages.test(cause.message)) return true;
    cause = (cause as { previous?: unknown }).previous ?? cause.cause;
  }
  return false;
}

/** Whether a query of ours failed: what the database says of it names tables, and is not for everybody. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof DatabaseError || error instanceof DriverException;
}
