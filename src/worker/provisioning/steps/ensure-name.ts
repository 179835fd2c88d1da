import { listRemote } from '../../../git/remote.ts';
import { settleName } from '../../../tasks/settle-name.ts';
import type { Step } from './step.ts';

/** Looks at the repository, and settles the title and the branch. */
export const ensureName: Step = async (work, { signal }) => {
  const { task, lease, allowLocalRepos } = work;
  const remote = await listRemote(task.repoUrl, { allowLocal: allowLocalRepos, signal });
  return { settle: (db) => settleName(db, task, lease, remote.branches) };
};
