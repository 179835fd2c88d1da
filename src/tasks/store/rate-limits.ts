import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';

export interface UsedPoints {
  readonly key: string;
  /** In the window of time that runs now. */
  readonly points: number;
  /** Milliseconds until the window ends. */
  readonly resetInMs: number;
}

/** Adds points to the windows of these keys, which begin with their first points. One statement, by the database's clock. */
export async function addPoints(
  db: Database,
  used: ReadonlyMap<string, number>,
  windowMs: number,
): Promise<UsedPoints[]> {
  // In one order everywhere: two servers that lock the same rows in two orders would wait for each other.
  const sorted = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
  const { rows } = await sql<{ key: string; points: number; reset_in_ms: number }>`
    insert into rate_limit as kept (key, points, resets_at)
    select key, points, now() + ${windowMs}::int * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(sorted.map(([key, points]) => ({ key, points })))}::jsonb)
      as added (key text, points int)
    on conflict (key) do update set
      points = case when kept.resets_at <= now() then excluded.points
        else least(kept.points::bigint + excluded.points, 2147483647)::int end,
      resets_at = case when kept.resets_at <= now() then excluded.resets_at else kept.resets_at end
    returning key, points, extract(epoch from resets_at - now())::float8 * 1000 as reset_in_ms
  `.execute(db.kysely);
  return rows.map((row) => ({ key: row.key, points: row.points, resetInMs: Math.ceil(row.reset_in_ms) }));
}

/** Deletes up to `limit` windows that ended an hour ago. Returns how many it deleted. */
export async function deleteEndedWindows(db: Database, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from rate_limit where ctid = any (array(
      select ctid from rate_limit where resets_at < now() - interval '1 hour'
      order by resets_at limit ${limit} for update skip locked
    )) returning key
  `.execute(db.kysely);
  return rows.length;
}
