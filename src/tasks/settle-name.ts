import type { EntityManager } from '@mikro-orm/postgresql';
import { isBranchTaken } from './branch-name.ts';
import { branchNamesFromTitle, titleFromPrompt } from './naming.ts';
import { query } from './rows.ts';
import { type Changed, changeTask, type Lease } from './store.ts';
import type { Task } from './task.ts';

/**
 * Settles the title and the branch: what the client gave stays, the rest is derived. The branch is unique among the
 * remote's branches and the other tasks of the project, also of those that settle theirs at the same moment.
 */
export function settleName(
  em: EntityManager,
  task: Task,
  lease: Lease,
  remoteBranches: ReadonlySet<string>,
): Promise<Changed | null> {
  const title = task.state.title ?? titleFromPrompt(task.prompt);
  return em.transactional(async (tx) => {
    const branchName =
      task.state.branchName ?? (await freeBranchName(tx as EntityManager, task, title, remoteBranches));
    const event = { type: 'nameSettled', at: new Date().toISOString(), title, branchName } as const;
    return changeTask(tx as EntityManager, task.id, { event, lease }, task);
  });
}

async function freeBranchName(
  tx: EntityManager,
  task: Task,
  title: string,
  remoteBranches: ReadonlySet<string>,
): Promise<string> {
  // Until this transaction ends, no other task of the project can settle its name.
  await query(tx, 'select pg_advisory_xact_lock(hashtextextended(?, 0))', [`settle-name ${task.project.id}`]);
  const candidates = branchNamesFromTitle(title, task.id);
  const rows = await query(
    tx,
    `select state ->> 'branchName' as name from task
     where project_id = ? and state ->> 'branchName' in (select jsonb_array_elements_text(?::jsonb)) and id <> ?`,
    [task.project.id, JSON.stringify(candidates), task.id],
  );
  const taken = new Set([...remoteBranches, ...rows.map((row) => row.name as string)]);
  return candidates.find((name) => !isBranchTaken(name, taken)) ?? (candidates.at(-1) as string);
}
