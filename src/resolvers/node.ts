import type { FoundNode } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

export function node(id: string, { tasks, viewer }: Context): Promise<FoundNode | null> {
  return tasks.findNode(viewer.workspace, id);
}
