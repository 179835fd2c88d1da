import * as tokens from '../tasks/tokens.ts';
import type { Context } from './context.ts';

export function createApiToken(
  input: tokens.CreateApiTokenInput,
  { view }: Context,
): Promise<tokens.CreatedToken> {
  return tokens.createApiToken(view, input);
}
