import { answerAgentRequest as answer } from '../tasks/answer-agent-request.ts';
import type { AgentRequest } from '../tasks/domain/transcript/request.ts';
import type { Context } from './context.ts';

export function answerAgentRequest(
  input: { readonly requestId: string; readonly optionId: string },
  { view }: Context,
): Promise<AgentRequest> {
  return answer(view, input);
}
