import { listRemote } from '../../../git/remote.ts';
import type { Step } from './step.ts';

/** Lists the repository's branches, so that the title and the branch can be settled. */
export const ensureName: Step = async ({ task, allowLocalRepos }, { signal }) => {
  const { branches } = await listRemote(task.repoUrl, { allowLocal: allowLocalRepos, signal });
  return { remoteBranches: branches };
};
