import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { credentialCacheLock, credentialEndChannel } from './credential-channels.ts';
import type { WakeUpListener } from './wake-up-listener.ts';

/** Milliseconds for which a server accepts a credential that no look at the database has confirmed. */
export const confirmedForMs = 2_000;

/**
 * Tells all servers that a token was revoked or a login ended. Resolves once no server accepts it: each has acknowledged that,
 * or has had no look that confirms what it caches for so long that it must ask again. Returns how many have not acknowledged:
 * sockets that the credential opened there may stay open until those servers reach the database again.
 */
export async function endCredential(db: Database, listener: WakeUpListener, id: string): Promise<number> {
  const acknowledged = new Set<number>();
  const waiting = Promise.withResolvers<void>();
  let servers: readonly number[] | undefined;
  const check = () => servers?.every((pid) => acknowledged.has(pid)) && waiting.resolve();
  const unsubscribe = listener.subscribe({
    wakeUp: () => {},
    endAcknowledged: (pid, endedId) => {
      if (endedId !== id) return;
      acknowledged.add(pid);
      check();
    },
  });
  const timer = setTimeout(waiting.resolve, confirmedForMs);
  try {
    servers = await announceEnd(db, id);
    check();
    await waiting.promise;
    return servers.filter((pid) => !acknowledged.has(pid)).length;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}

/** Returns the database's processes on which servers that cache credentials listen. */
async function announceEnd(db: Database, id: string): Promise<number[]> {
  const { rows } = await sql<{ pids: number[] }>`
    select pg_notify(${sql.lit(credentialEndChannel)}, ${id}), array(
      select pid from pg_locks
      where locktype = 'advisory' and classid = ${sql.lit(credentialCacheLock.class)}
        and objid = ${sql.lit(credentialCacheLock.object)} and objsubid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())
    ) as pids
  `.execute(db.kysely);
  return rows[0]?.pids ?? [];
}
