import type { ClientConfig } from 'pg';

/** Milliseconds. Each of our statements is short: one without an answer by then is on a connection that is lost. */
export const answerTimeoutMs = 10_000;

/** Milliseconds to connect, and to wait for a free connection of a pool. */
export const connectTimeoutMs = 10_000;

/**
 * What every connection to the database is made with. The URL goes to the driver as it is, so that all of it counts for
 * every connection: sslmode and certificates, sockets, options. PGUSER and the other variables of libpq fill in what the
 * URL leaves out. Throws when a file that the URL names cannot be read.
 *
 * No settings of a session are sent while connecting, because PgBouncer refuses them: see `session-settings.ts`.
 */
export function connectionOptions(url: string, purpose = ''): ClientConfig {
  return {
    connectionString: withExplicitSslMode(url),
    application_name: `groundcrew ${purpose}`.trimEnd(),
    connectionTimeoutMillis: connectTimeoutMs,
    // Some networks forget a connection that is silent.
    keepAlive: true,
  };
}

/**
 * pg 8 means verify-full by each of these modes, as their users on libpq may not expect, and says so in seven lines on
 * stderr. A connection that fails for it says so itself (`describe-database-error.ts`).
 */
function withExplicitSslMode(url: string): string {
  if (/[?&]uselibpqcompat=true(&|$)/.test(url)) return url;
  return url.replace(/([?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}
