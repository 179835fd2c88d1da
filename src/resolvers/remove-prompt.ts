import type { Prompt } from '../tasks/domain/transcript/prompt.ts';
import { removePrompt as remove } from '../tasks/remove-prompt.ts';
import type { Context } from './context.ts';

export function removePrompt(id: string, { view }: Context): Promise<Prompt> {
  return remove(view, id);
}
