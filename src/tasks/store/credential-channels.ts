/** The channel that says that a token was revoked or a login ended, by its id. A hint: servers also look at the table. */
export const credentialEndChannel = 'groundcrew_token';

/** The channel by which a server acknowledges that: `PID ID`, the first of the database's process that listens. */
export const acknowledgementChannel = 'groundcrew_heard';

/** The two numbers of the advisory lock that every server which caches credentials shares, on the connection that listens. */
export const credentialCacheLock = { class: 471_301, object: 1 } as const;

/** Run on the connection that listens, once for each of its sessions. It waits for nothing: nobody takes the lock exclusively. */
export const lockAsCredentialCache = `select pg_advisory_lock_shared(${credentialCacheLock.class}, ${credentialCacheLock.object})`;

/** To be run on the connection that listens, with the id of the credential. */
export const acknowledgeEnd = `select pg_notify('${acknowledgementChannel}', concat(pg_backend_pid(), ' ', $1::text))`;
