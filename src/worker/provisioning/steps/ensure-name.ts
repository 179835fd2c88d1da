import type { Step } from './step.ts';

/** Lists the repository's branches, so that the title and the branch can be settled. */
export const ensureName: Step = async ({ listRepository }, { signal }) => {
  const { branches } = await listRepository(signal);
  return { remoteBranches: branches };
};
