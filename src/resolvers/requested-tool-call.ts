import type { TranscriptItem } from '../tasks/domain/transcript/item.ts';
import type { AgentRequest } from '../tasks/domain/transcript/request.ts';
import type { Context } from './context.ts';

/** The tool call, as it is now, that a request is about. */
export async function requestedToolCall(
  { sessionId, toolCallPosition }: AgentRequest,
  { loaders }: Context,
): Promise<Extract<TranscriptItem, { kind: 'tool_call' }> | null> {
  if (toolCallPosition === null) return null;
  const item = await loaders.itemsAt.load({ sessionId, position: toolCallPosition });
  return item?.kind === 'tool_call' ? item : null;
}
