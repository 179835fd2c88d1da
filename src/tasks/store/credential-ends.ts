import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { WakeUpListener } from './wake-up-listener.ts';

/** The channel that says that a token was revoked or a login ended, by its id. A hint: servers also look at the table. */
export const tokenChannel = 'groundcrew_token';

/** The channel by which a server says that it has heard so: `PID ID`, the first of the database's process that listens. */
export const heardChannel = 'groundcrew_heard';

/** The two numbers of the advisory lock that every server which keeps credentials shares, on the connection that listens. */
const keepersLock = { class: 471_301, object: 1 } as const;

/** Run on the connection that listens, and once for each of its sessions. It waits for nothing: nobody takes the lock alone. */
export const joinKeepers = `select pg_advisory_lock_shared(${keepersLock.class}, ${keepersLock.object})`;

/** To be run on the connection that listens, with the id that was heard. */
export const sayHeard = `select pg_notify('${heardChannel}', concat(pg_backend_pid(), ' ', $1::text))`;

/** Milliseconds for which a server accepts a credential that no look at the database has confirmed. */
export const confirmedForMs = 2_000;

/**
 * Tells all servers that a token was revoked or a login ended. Resolves once no server accepts it: each has said that it has
 * heard, or has had no look that confirms what it keeps for so long that it must ask again. Returns how many have not said so:
 * sockets that the credential opened there may stay open until those servers reach the database again.
 */
export async function endCredential(db: Database, listener: WakeUpListener, id: string): Promise<number> {
  const heard = new Set<number>();
  const waiting = Promise.withResolvers<void>();
  let servers: readonly number[] | undefined;
  const check = () => servers?.every((pid) => heard.has(pid)) && waiting.resolve();
  const unsubscribe = listener.subscribe({
    wakeUp: () => {},
    endHeard: (pid, heardId) => {
      if (heardId !== id) return;
      heard.add(pid);
      check();
    },
  });
  const timer = setTimeout(waiting.resolve, confirmedForMs);
  try {
    servers = await tellEnd(db, id);
    check();
    await waiting.promise;
    return servers.filter((pid) => !heard.has(pid)).length;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}

/** Returns what the database's processes are that the servers listen with. */
async function tellEnd(db: Database, id: string): Promise<number[]> {
  const { rows } = await sql<{ pids: number[] }>`
    select pg_notify(${sql.lit(tokenChannel)}, ${id}), array(
      select pid from pg_locks
      where locktype = 'advisory' and classid = ${sql.lit(keepersLock.class)}
        and objid = ${sql.lit(keepersLock.object)} and objsubid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())
    ) as pids
  `.execute(db.kysely);
  return rows[0]?.pids ?? [];
}
