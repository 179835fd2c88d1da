import type { Workspace } from '../tasks/domain/viewer.ts';
import * as tokens from '../tasks/tokens.ts';
import type { Context } from './context.ts';

export function createWorkspace(input: tokens.CreateWorkspaceInput, { view }: Context): Promise<Workspace> {
  return tokens.createWorkspace(view, input);
}
