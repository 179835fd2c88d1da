import type { Context } from '../schema/context.ts';
import type { FoundNode } from '../tasks/find-node.ts';

export function nodes(ids: readonly string[], { tasks, viewer }: Context): Promise<(FoundNode | null)[]> {
  return tasks.findNodes(viewer.workspace, ids);
}
