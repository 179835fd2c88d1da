import { z } from 'zod';
import { cleanJson, cleanText } from '../tasks/domain/transcript/clean.ts';
import type { FileChange, ToolCallStatus } from '../tasks/domain/transcript/item.ts';
import type { RequestOption } from '../tasks/domain/transcript/request.ts';
import type { Said, ToolCallSaid } from '../tasks/domain/transcript/said.ts';

// The words of the Agent Client Protocol, version 1, as agents send them: https://agentclientprotocol.com. Lenient: what is
// wrong in a part that nothing is shown of is no reason to lose the rest.

const text = z.string().transform(cleanText);
const rpcId = z.union([z.string(), z.number(), z.null()]);

const envelope = z.looseObject({
  id: rpcId.optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
});

const contentBlock = z.looseObject({ type: z.string() });
const chunk = z.looseObject({ content: contentBlock, messageId: text.nullish() });
const toolContent = z.union([
  z.looseObject({ type: z.literal('content'), content: contentBlock }),
  z.looseObject({ type: z.literal('diff'), path: text, oldText: text.nullish(), newText: text }),
  z.looseObject({ type: z.string() }),
]);
const toolCall = z.looseObject({
  toolCallId: text,
  title: text.nullish(),
  kind: text.nullish(),
  status: z.string().nullish(),
  content: z.array(toolContent).nullish(),
  locations: z.array(z.looseObject({ path: text, line: z.int().nullish() })).nullish(),
  rawInput: z.unknown().optional(),
  rawOutput: z.unknown().optional(),
});
const plan = z.looseObject({
  entries: z.array(
    z.looseObject({ content: text, status: text.default('pending'), priority: text.default('medium') }),
  ),
});
const sessionUpdate = z.looseObject({
  sessionId: z.string(),
  update: z.looseObject({ sessionUpdate: z.string() }),
});
const optionKinds = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const;
const permission = z.looseObject({
  sessionId: z.string(),
  toolCall,
  options: z.array(z.looseObject({ optionId: text, name: text, kind: z.enum(optionKinds) })),
});
const promptResult = z.looseObject({ stopReason: z.string() });
const rpcError = z.looseObject({ message: z.string().default(''), data: z.unknown().optional() });
const agentExited = z.looseObject({ code: z.number().nullish() });
const invalidStdout = z.looseObject({ raw: z.string().optional() });

/** What a message says about this session; `other` when it says nothing, or is about another session. */
export function readMessage(json: string, agentSessionId: string): Said {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return unreadable(json);
  }
  const message = envelope.safeParse(value);
  if (!message.success) return unreadable(json);
  const { id, method, params } = message.data;
  if (method === undefined) {
    return id === undefined ? unreadable(json) : readResponse(id, message.data);
  }
  switch (method) {
    case 'session/update': {
      const update = sessionUpdate.safeParse(params);
      if (!update.success) return unreadable(json);
      if (update.data.sessionId !== agentSessionId) return { type: 'other' };
      return readUpdate(update.data.update) ?? unreadable(json);
    }
    case 'session/request_permission': {
      if (id === undefined) return unreadable(json);
      const asked = permission.safeParse(params);
      // An agent that waits for an answer must get one.
      if (!asked.success || asked.data.sessionId !== agentSessionId)
        return { type: 'call', rpcId: id, method };
      const options = asked.data.options.map(
        ({ optionId, name, kind }): RequestOption => ({ id: optionId, name, kind }),
      );
      return { type: 'permission', rpcId: id, call: toolCallSaid(asked.data.toolCall), options };
    }
    case '_adapter/agent_exited':
      return { type: 'agentExited', code: agentExited.safeParse(params).data?.code ?? null };
    case '_adapter/invalid_stdout': {
      const { raw } = invalidStdout.safeParse(params).data ?? {};
      return (raw !== undefined && readRefused(raw, agentSessionId)) || unreadable(raw ?? json);
    }
    default:
      return id === undefined ? { type: 'other' } : { type: 'call', rpcId: id, method };
  }
}

function unreadable(text: string): Said {
  return { type: 'unreadable', text: cleanText(text) };
}

/** A line that the agent server refused as JSON, because of half a surrogate, but that can be read. */
function readRefused(line: string, agentSessionId: string): Said | null {
  const said = readMessage(line, agentSessionId);
  // Only the agent server itself says what became of the agent.
  return said.type === 'unreadable' || said.type === 'agentExited' ? null : said;
}

function readResponse(id: string | number | null, { result, error }: z.infer<typeof envelope>): Said {
  if (error !== undefined && error !== null) {
    const { message } = rpcError.catch({ message: '' }).parse(error);
    return { type: 'response', id, stopReason: null, error: { message: cleanText(message) } };
  }
  const stopReason = promptResult.safeParse(result).data?.stopReason ?? null;
  return {
    type: 'response',
    id,
    stopReason: stopReason === null ? null : cleanText(stopReason),
    error: null,
  };
}

/** Null for an update that cannot be read. */
function readUpdate(update: { sessionUpdate: string }): Said | null {
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
    case 'agent_thought_chunk': {
      const said = chunk.safeParse(update);
      if (!said.success) return null;
      const kind = update.sessionUpdate === 'agent_message_chunk' ? 'agent_message' : 'agent_thought';
      const { content, messageId } = said.data;
      const text =
        content.type === 'text' && typeof content.text === 'string' ? content.text : textOf(content);
      return { type: 'chunk', kind, messageId: messageId ?? null, text };
    }
    case 'user_message_chunk':
      return { type: 'echo' };
    case 'tool_call':
    case 'tool_call_update': {
      const said = toolCall.safeParse(update);
      return said.success ? { type: 'toolCall', call: toolCallSaid(said.data) } : null;
    }
    case 'plan': {
      const said = plan.safeParse(update);
      if (!said.success) return null;
      const entries = said.data.entries.map(({ content, status, priority }) => ({
        content,
        status,
        priority,
      }));
      return { type: 'plan', entries };
    }
    default:
      return { type: 'other' };
  }
}

function toolCallSaid(call: z.infer<typeof toolCall>): ToolCallSaid {
  const { title, kind, status, content, locations, rawInput, rawOutput } = call;
  return {
    toolCallId: call.toolCallId,
    ...(title == null ? {} : { title }),
    ...(kind == null ? {} : { kind }),
    ...(isToolCallStatus(status) ? { status } : {}),
    ...(rawInput == null ? {} : { input: cleanJson(rawInput) }),
    ...(content == null ? {} : contentsOf(content)),
    ...(rawOutput == null ? {} : { rawOutput: cleanJson(rawOutput) }),
    ...(locations == null
      ? {}
      : { locations: locations.map(({ path, line }) => ({ path, line: line ?? null })) }),
  };
}

function isToolCallStatus(status: unknown): status is Exclude<ToolCallStatus, 'canceled'> {
  return ['pending', 'in_progress', 'completed', 'failed'].includes(status as string);
}

function contentsOf(contents: readonly z.infer<typeof toolContent>[]) {
  const texts: string[] = [];
  const changes: FileChange[] = [];
  for (const content of contents) {
    if ('content' in content && isBlock(content.content)) texts.push(textOf(content.content));
    else if (typeof content.path === 'string' && typeof content.newText === 'string') {
      const { path, oldText, newText } = content;
      changes.push({ path, oldText: typeof oldText === 'string' ? oldText : null, newText });
    }
  }
  return { texts, changes };
}

function isBlock(value: unknown): value is { readonly type: string } {
  return contentBlock.safeParse(value).success;
}

/** The text of a block; of another block a word that says what it is. */
function textOf(block: { readonly type: string; readonly [key: string]: unknown }): string {
  if (block.type === 'text' && typeof block.text === 'string') return cleanText(block.text);
  if (block.type === 'resource_link' && typeof block.uri === 'string') {
    const name = typeof block.name === 'string' ? block.name : block.uri;
    return cleanText(`[${name}](${block.uri})`);
  }
  return `[${cleanText(block.type)}]`;
}
