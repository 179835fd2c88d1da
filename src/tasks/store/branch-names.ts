import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Task } from '../domain/task.ts';

/** Until the transaction ends, no other task of the project can settle its name. */
export async function lockNamesOfProject(tx: Database, projectId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`settle-name ${projectId}`}, 0))`.execute(
    tx.kysely,
  );
}

/**
 * The branches of the project's other tasks that exclude one of the candidates, because git keeps branches as paths: the
 * same name, a name below it (`0` is the character after `/`), and `groundcrew`, which lies above all of them.
 */
export async function findConflictingBranches(
  tx: Database,
  task: Task,
  candidates: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    with branch as (
      select state ->> 'branchName' collate "C" as name from task
      where project_id = ${task.project.id} and id <> ${task.id}
    )
    select conflicting.name from unnest(${['groundcrew', ...candidates]}::text[]) as candidate (name)
    cross join lateral (
      (select name from branch where name = candidate.name limit 1) union all
      (select name from branch where name > candidate.name || '/' and name < candidate.name || '0' limit 1)
    ) conflicting
  `.execute(tx.kysely);
  return rows.map(({ name }) => name);
}
