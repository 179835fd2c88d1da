import type { ApiToken, Viewer } from '../tasks/domain/viewer.ts';
import type { Context } from './context.ts';

/** As it is now: the viewer was read when its token was first used. Null for the owner. */
export async function viewerToken({ token }: Viewer, { loaders }: Context): Promise<ApiToken | null> {
  return token && ((await loaders.nodes.load(token.id)) as ApiToken | null);
}
