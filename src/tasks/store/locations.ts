import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';

/** Work that waits for a worker of one location, while no such worker runs. */
export interface StrandedWork {
  readonly location: string;
  readonly provider: string;
  /** Tasks that are to be continued, or whose sandbox is to be released. */
  readonly tasks: number;
}

/**
 * A worker that is restarted takes no longer to be back. A value, since a statement without one is planned at each call, and in a
 * select of its own, since PostgreSQL thinks a plan for this very one cheaper than one for all, and plans at each call too.
 */
const restart = '30 seconds';

/** Of work that has been due for longer than a restart takes. */
export async function findStrandedWork(db: Database): Promise<StrandedWork[]> {
  const { rows } = await sql<StrandedWork>`
    with due as (
      select location, provider, task_id from sandbox
      where state = 'releasing' and updated_at < now() - (select ${restart}::interval)
      union
      -- Not a join: it may begin with all sandboxes, where PostgreSQL knows that few have a location.
      select location, provider, task_id from sandbox where task_id = any (array(
        select id from task where wake_at < now() - (select ${restart}::interval) and leased_by is null
      ))
    )
    select location, provider, count(*)::int as tasks from due
    where location is not null
      and not exists (select from worker where locations is null or due.location = any(locations))
    group by location, provider order by location
  `.execute(db.kysely);
  return rows;
}

/** Two living workers with the same location on two machines, by their hosts' names. */
export interface SharedLocation {
  readonly location: string;
  readonly hosts: readonly string[];
}

/** A location is one machine's; on another one the data folder is a copy, or is shared over a network. */
export async function findSharedLocations(db: Database): Promise<SharedLocation[]> {
  // The second word of `host` is the machine's boot: containers on one machine have it in common.
  const { rows } = await sql<SharedLocation>`
    select location, array_agg(distinct split_part(host, ' ', 1)) as hosts
    from worker, unnest(locations) as location
    where host is not null and abs(extract(epoch from now() - heartbeat_at)) < 2
    group by location having count(distinct split_part(host, ' ', 2)) > 1
  `.execute(db.kysely);
  return rows;
}

/** The name of a host on another machine where a living worker has one of the locations; null when there is none. */
export async function findHostOfLocation(
  db: Database,
  locations: readonly string[],
  ownHost: string,
): Promise<string | null> {
  const { rows } = await sql<{ host: string }>`
    select split_part(host, ' ', 1) as host from worker
    where locations && ${locations}::text[] and split_part(host, ' ', 2) <> split_part(${ownHost}::text, ' ', 2)
      and abs(extract(epoch from now() - heartbeat_at)) < 2
    limit 1
  `.execute(db.kysely);
  return rows[0]?.host ?? null;
}
