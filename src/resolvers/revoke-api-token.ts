import type { ApiToken } from '../tasks/domain/viewer.ts';
import * as tokens from '../tasks/tokens.ts';
import type { Context } from './context.ts';

export async function revokeApiToken(
  id: string,
  { view, services: { tokenEnded } }: Context,
): Promise<ApiToken> {
  const token = await tokens.revokeApiToken(view, id);
  await tokenEnded(id);
  return token;
}
