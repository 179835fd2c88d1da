import { InvalidInputError } from '../tasks/domain/errors.ts';
import type { FoundNode } from '../tasks/find-node.ts';
import type { Context } from './context.ts';

const maxNodes = 100;

export async function nodes(ids: readonly string[], { loaders }: Context): Promise<(FoundNode | null)[]> {
  if (ids.length > maxNodes) throw new InvalidInputError(`At most ${maxNodes} ids.`, { field: 'ids' });
  return Promise.all(ids.map((id) => loaders.nodes.load(id)));
}
