import { type FoundNode, findNodes } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

export function nodes(ids: readonly string[], { db, viewer }: Context): Promise<(FoundNode | null)[]> {
  return findNodes(db, viewer.workspace, ids);
}
