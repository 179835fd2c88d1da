import type { FoundNode } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

export function node(id: string, { loaders }: Context): Promise<FoundNode | null> {
  return loaders.nodes.load(id);
}
