import * as tokens from '../tasks/tokens.ts';
import type { Context } from './context.ts';

export function createTaskToken(
  input: tokens.CreateTaskTokenInput,
  { view }: Context,
): Promise<tokens.CreatedToken> {
  return tokens.createTaskToken(view, input);
}
