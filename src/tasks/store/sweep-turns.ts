import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { farAheadMs } from '../domain/next-work.ts';
import { inMs } from './jobs.ts';

/** True for one worker of the cluster, at most once in `everyMs`: that worker runs the sweep now. */
export async function acquireSweepTurn(db: Database, name: string, everyMs: number): Promise<boolean> {
  const { rows } = await sql`
    insert into sweep (name) values (${name})
    on conflict (name) do update set swept_at = now()
      where sweep.swept_at <= ${inMs(-everyMs)} or sweep.swept_at > ${inMs(farAheadMs)}
    returning name`.execute(db.kysely);
  return rows.length > 0;
}
