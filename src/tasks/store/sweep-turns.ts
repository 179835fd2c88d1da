import type { Database } from '../../tables/database.ts';
import { query } from './task-rows.ts';

/** True for the one worker of all that is to sweep now; `everyMs` have gone by since the last time. */
export async function acquireSweepTurn(db: Database, name: string, everyMs: number): Promise<boolean> {
  const rows = await query(
    db,
    `insert into sweep (name) values (?)
     on conflict (name) do update set swept_at = now()
       where sweep.swept_at <= now() - ? * interval '1 millisecond'
     returning name`,
    [name, everyMs],
  );
  return rows.length > 0;
}
