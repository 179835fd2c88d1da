import { describe, expect, it } from 'vitest';
import { UnsuitableDatabaseError } from '../../src/db/check-server.ts';
import { ReadOnlyDatabaseError } from '../../src/db/connection-error.ts';
import { describeDatabaseError } from '../../src/db/describe-database-error.ts';

describe('describeDatabaseError', () => {
  it.each([
    [{ code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND nowhere' }, /nowhere\. Correct the host name\.$/],
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED ::1:5432' }, /::1:5432\. Start PostgreSQL there/],
    [{ code: 'ENOENT', message: "open '/ca.crt'" }, /'\/ca\.crt'\. Correct the path/],
    [{ code: '28P01', message: 'password authentication failed' }, /failed\. Correct user and password\.$/],
    [{ code: '28000', message: 'no pg_hba.conf entry' }, /pg_hba\.conf\.$/],
    [{ code: '3D000', message: 'database "x" does not exist' }, /"x" does not exist\. Make it with createdb/],
    [{ code: '42501', message: 'permission denied for schema public' }, /Grant the role CREATE/],
    [{ code: '53100', message: 'could not extend file: No space left on device' }, /Make room/],
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN', message: 'self-signed certificate' }, /sslrootcert=FILE/],
    [{ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', message: 'unable to verify' }, /sslrootcert=FILE/],
    [{ message: 'The server does not support SSL connections' }, /Remove sslmode/],
    [{ message: 'SASL: client password must be a string' }, /Write a password into the URL/],
    [{ message: 'timeout expired' }, /check firewalls/],
  ])('says what to do for %j', (error, description) => {
    expect(describeDatabaseError(Object.assign(new Error(error.message), error))).toMatch(description);
  });

  it('takes the first of several addresses', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' });
    expect(describeDatabaseError(new AggregateError([refused, refused]))).toMatch(
      /^connect ECONNREFUSED ::1:1\./,
    );
  });

  it("says only what PostgreSQL's first line says for a code without a remedy", () => {
    const error = Object.assign(new Error('the server is shutting down\nline 2'), { code: '57P01' });
    expect(describeDatabaseError(error)).toBe('the server is shutting down.');
  });

  it('repeats what our own checks of the server say', () => {
    expect(
      describeDatabaseError(new UnsuitableDatabaseError('the server is PostgreSQL 14', 'Use another one.')),
    ).toBe('the server is PostgreSQL 14. Use another one.');
    expect(describeDatabaseError(new ReadOnlyDatabaseError())).toBe('the database is read-only.');
  });

  it('is null for an error that is not of the database', () => {
    expect(describeDatabaseError(new TypeError('x is not a function'))).toBeNull();
  });
});
