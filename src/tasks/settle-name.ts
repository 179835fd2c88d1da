import { isBranchTaken } from '../repository/branch-name.ts';
import { branchNamesFromTitle, titleFromPrompt } from './domain/naming.ts';
import type { Task } from './domain/task.ts';
import type { Change } from './store/task-write.ts';

/**
 * The change that settles the title and the branch: what the client gave stays, the rest is derived. The branch is unique among
 * the remote's branches and those of the project's other tasks, also of those that settle theirs at the same moment.
 */
export function settledName(
  task: Task,
  remoteBranches: ReadonlySet<string>,
): Pick<Change, 'event' | 'branchCandidates'> {
  const title = task.state.title ?? titleFromPrompt(task.prompt);
  const given = task.state.branchName;
  if (given !== null) return { event: { type: 'nameSettled', title, branchName: given } };
  const candidates = branchNamesFromTitle(title, task.id);
  const [base, last] = [candidates[0] as string, candidates.pop() as string];
  // A repository may have thousands of branches, and the fifty names all begin with the first one.
  const near = [...remoteBranches].filter(
    (branch) => branch.startsWith(base) || base.startsWith(`${branch}/`),
  );
  const free = candidates.filter((name) => !isBranchTaken(name, near));
  return { event: { type: 'nameSettled', title, branchName: last }, branchCandidates: [...free, last] };
}
