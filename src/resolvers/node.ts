import type { Context } from '../schema/context.ts';
import type { FoundNode } from '../tasks/find-node.ts';

export function node(id: string, { tasks, viewer }: Context): Promise<FoundNode | null> {
  return tasks.findNode(viewer.workspace, id);
}
