import type { FoundNode } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

export function nodes(ids: readonly string[], { tasks, viewer }: Context): Promise<(FoundNode | null)[]> {
  return tasks.findNodes(viewer.workspace, ids);
}
