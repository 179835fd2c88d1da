import { type FoundNode, findNode } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

export function node(id: string, { db, viewer }: Context): Promise<FoundNode | null> {
  return findNode(db, viewer.workspace, id);
}
