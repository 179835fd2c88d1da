import { UnsuitableDatabaseError } from './check-server.ts';
import {
  causesOf,
  codeOf,
  isConnectionError,
  isDatabaseError,
  ReadOnlyDatabaseError,
} from './connection-error.ts';

const trustAnyServer = 'or trust any server with sslmode=no-verify';
const nameAuthority = `Name the file of the certificate authority with sslrootcert=FILE, ${trustAnyServer}`;

/** What an operator can do, by the code of Node or PostgreSQL. */
const remedies: Readonly<Record<string, string>> = {
  ENOTFOUND: 'Correct the host name',
  EAI_AGAIN: 'Correct the host name, or check the name server of this machine',
  ECONNREFUSED: 'Start PostgreSQL there, or correct host and port',
  ECONNRESET: 'Check that PostgreSQL listens there',
  EHOSTUNREACH: 'Correct the host, or check the network',
  ENETUNREACH: 'Correct the host, or check the network',
  ETIMEDOUT: 'Correct host and port, or check firewalls',
  ENOENT: 'Correct the path, or start PostgreSQL there',
  EACCES: 'Let the user of this process use that file',
  '28P01': 'Correct user and password',
  '28000': "Correct user and sslmode, or change the server's pg_hba.conf",
  '3D000': 'Make it with createdb, or correct its name',
  '42501': 'Grant the role CREATE on the database and on its schema',
  '53100': "Make room on the server's disk",
  '53200': 'Give the server more memory',
  '53300': 'Close other connections, or allow more',
  DEPTH_ZERO_SELF_SIGNED_CERT: nameAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: nameAuthority,
  UNABLE_TO_GET_ISSUER_CERT: nameAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: nameAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: nameAuthority,
  ERR_TLS_CERT_ALTNAME_INVALID: `Use a host that the certificate names, ${trustAnyServer}`,
  CERT_HAS_EXPIRED: `Renew the server's certificate, ${trustAnyServer}`,
};

/** For the driver's errors, which have no code. */
const remediesByMessage: readonly [pattern: RegExp, remedy: string][] = [
  [/does not support SSL/, 'Remove sslmode from the URL, and PGSSLMODE from the environment'],
  [/password must be a string/, 'Write a password into the URL: the server asks for one'],
  [/terminated unexpectedly/, "Check that PostgreSQL listens there, and look into the server's log"],
  [
    /timeout expired|(connection|read) timeout|timeout exceeded/i,
    'Correct host and port, or check firewalls',
  ],
];

/**
 * What went wrong and what an operator can do, in sentences on one line that begin in lower case. Null for an error that is
 * not of the database.
 */
export function describeDatabaseError(error: unknown): string | null {
  // A host with several addresses fails with one error for each, and no message of its own.
  const causes = causesOf(error instanceof AggregateError ? error.errors[0] : error);
  for (const cause of causes) {
    if (cause instanceof UnsuitableDatabaseError || cause instanceof ReadOnlyDatabaseError)
      return cause.message;
    const remedy =
      remedies[codeOf(cause)] ?? remediesByMessage.find(([pattern]) => pattern.test(cause.message))?.[1];
    if (remedy !== undefined) return `${firstLine(cause)}. ${remedy}.`;
  }
  const [first] = causes;
  return first && (isDatabaseError(error) || isConnectionError(error)) ? `${firstLine(first)}.` : null;
}

function firstLine(error: Error): string {
  return (error.message.split('\n', 1)[0] || error.name).replace(/\.$/, '');
}
