import type { Prompt } from '../tasks/domain/transcript/prompt.ts';
import type { SendPromptInput } from '../tasks/input.ts';
import { sendPrompt as send } from '../tasks/send-prompt.ts';
import type { Context } from './context.ts';

export function sendPrompt(input: SendPromptInput, { view }: Context): Promise<Prompt> {
  return send(view, input);
}
