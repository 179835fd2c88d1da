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
  const last = candidates.pop() as string;
  const branchCandidates = [...candidates.filter((name) => !isBranchTaken(name, remoteBranches)), last];
  return { event: { type: 'nameSettled', title, branchName: last }, branchCandidates };
}
