import { isBranchTaken } from '../repository/branch-name.ts';
import type { Database } from '../tables/database.ts';
import type { Lease } from './domain/lease.ts';
import { branchNamesFromTitle, titleFromPrompt } from './domain/naming.ts';
import type { Task } from './domain/task.ts';
import { findConflictingBranches, lockNamesOfProject } from './store/branch-names.ts';
import { type ChangeResult, changeTask } from './store/change-task.ts';

/**
 * Settles the title and the branch: what the client gave stays, the rest is derived. The branch is unique among the
 * remote's branches and those of the project's other tasks, also of those that settle theirs at the same moment.
 */
export function settleName(
  db: Database,
  task: Task,
  lease: Lease,
  remoteBranches: ReadonlySet<string>,
): Promise<ChangeResult | null> {
  const title = task.state.title ?? titleFromPrompt(task.prompt);
  return db.transaction(async (tx) => {
    const branchName = task.state.branchName ?? (await findFreeBranch(tx, task, title, remoteBranches));
    const event = { type: 'nameSettled', title, branchName } as const;
    return changeTask(tx, task.id, { event, lease }, task);
  });
}

async function findFreeBranch(
  tx: Database,
  task: Task,
  title: string,
  remoteBranches: ReadonlySet<string>,
): Promise<string> {
  await lockNamesOfProject(tx, task.project.id);
  const candidates = branchNamesFromTitle(title, task.id);
  const conflicting = await findConflictingBranches(tx, task, candidates);
  const taken = new Set([...remoteBranches, ...conflicting]);
  return candidates.find((name) => !isBranchTaken(name, taken)) ?? (candidates.at(-1) as string);
}
