import { DriverException } from '@mikro-orm/core';
import { DatabaseError } from 'pg';
import { describe, expect, it } from 'vitest';
import { isConnectionError, isDatabaseError } from '../../src/db/connection-error.ts';

describe('isConnectionError', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND'])(
    'is true for the socket error %s',
    (code) => expect(isConnectionError(withCode(code))).toBe(true),
  );

  it.each(['08006', '57P01', '57P02', '57P03', '53300', '25006', '25P03'])(
    'is true for the server error %s',
    (code) => expect(isConnectionError(withCode(code))).toBe(true),
  );

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client was closed and is not queryable',
  ])("is true for the driver's message %j, which comes without a code", (message) => {
    expect(isConnectionError(new Error(message))).toBe(true);
  });

  it('is true when the cause, or the error that MikroORM wraps, is a connection error', () => {
    const lost = withCode('ECONNRESET');
    expect(isConnectionError(new Error('the read failed', { cause: lost }))).toBe(true);
    expect(isConnectionError(new DriverException(lost))).toBe(true);
  });

  it.each(['23505', '40001', '40P01', '42P01', '57014'])(
    'is false for the error %s of a statement',
    (code) => {
      expect(isConnectionError(withCode(code))).toBe(false);
    },
  );

  it.each([undefined, null, 'ECONNREFUSED', { code: 'ECONNREFUSED' }])(
    'is false for %j, which is no error',
    (value) => {
      expect(isConnectionError(value)).toBe(false);
    },
  );

  it('ends for an error that is its own cause', () => {
    const error = new Error('odd');
    error.cause = error;
    expect(isConnectionError(error)).toBe(false);
  });
});

describe('isDatabaseError', () => {
  it("is true for the driver's errors, wrapped by MikroORM or not", () => {
    const error = new DatabaseError('relation "task" does not exist', 0, 'error');
    expect(isDatabaseError(error)).toBe(true);
    expect(isDatabaseError(new DriverException(error))).toBe(true);
  });

  it('is false for any other error', () => {
    expect(isDatabaseError(withCode('42P01'))).toBe(false);
  });
});

function withCode(code: string): Error {
  return Object.assign(new Error('no words that tell'), { code });
}
