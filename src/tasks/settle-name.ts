import { isBranchTaken } from '../repository/branch-name.ts';
import type { Database } from '../tables/database.ts';
import { branchNamesFromTitle, titleFromPrompt } from './domain/naming.ts';
import type { Task } from './domain/task.ts';
import { type ChangeResult, changeTask, type Lease } from './store/change-task.ts';
import { query } from './store/task-rows.ts';

/**
 * Settles the title and the branch: what the client gave stays, the rest is derived. The branch is unique among the
 * remote's branches and the other tasks of the project, also of those that settle theirs at the same moment.
 */
export function settleName(
  db: Database,
  task: Task,
  lease: Lease,
  remoteBranches: ReadonlySet<string>,
): Promise<ChangeResult | null> {
  const title = task.state.title ?? titleFromPrompt(task.prompt);
  return db.transaction(async (tx) => {
    const branchName = task.state.branchName ?? (await freeBranchName(tx, task, title, remoteBranches));
    const event = { type: 'nameSettled', at: new Date().toISOString(), title, branchName } as const;
    return changeTask(tx, task.id, { event, lease }, task);
  });
}

async function freeBranchName(
  tx: Database,
  task: Task,
  title: string,
  remoteBranches: ReadonlySet<string>,
): Promise<string> {
  // Until this transaction ends, no other task of the project can settle its name.
  await query(tx, 'select pg_advisory_xact_lock(hashtextextended(?, 0))', [`settle-name ${task.project.id}`]);
  const candidates = branchNamesFromTitle(title, task.id);
  // What is the same, what lies beneath it (`0` comes after `/`), and what lies above all of them.
  const rows = await query(
    tx,
    `with branch as (
       select state ->> 'branchName' collate "C" as name from task where project_id = ? and id <> ?
     )
     select taken.name from jsonb_array_elements_text(?::jsonb) as candidate(name)
     cross join lateral (
       (select name from branch where name = candidate.name limit 1) union all
       (select name from branch where name > candidate.name || '/' and name < candidate.name || '0' limit 1)
     ) taken`,
    [task.project.id, task.id, JSON.stringify(['groundcrew', ...candidates])],
  );
  const taken = new Set([...remoteBranches, ...rows.map((row) => row.name as string)]);
  return candidates.find((name) => !isBranchTaken(name, taken)) ?? (candidates.at(-1) as string);
}
