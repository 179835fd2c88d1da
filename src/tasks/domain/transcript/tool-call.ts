import type { ToolCallData } from './item.ts';
import type { ToolCallSaid } from './said.ts';

/** Whether the tool call may still give something back. */
export function isUnfinished({ status }: ToolCallData): boolean {
  return status === 'pending' || status === 'in_progress';
}

/** A tool call with what its agent says of it now. Its output is left out. */
export function mergeToolCall(known: ToolCallData | undefined, said: ToolCallSaid): ToolCallData {
  return {
    toolCallId: said.toolCallId,
    title: said.title ?? known?.title ?? said.toolCallId,
    kind: said.kind ?? known?.kind ?? 'other',
    status: said.status ?? known?.status ?? 'pending',
    input: said.input === undefined ? (known?.input ?? null) : said.input,
    outputBytes: 0,
    outputSource: known?.outputSource ?? 'none',
    locations: said.locations ?? known?.locations ?? [],
    changes: said.changes ?? known?.changes ?? [],
  };
}

/** The output that an update brings: its text contents, or else its raw output as JSON. Null: it stays as it is. */
export function outputIn(
  { texts, rawOutput }: ToolCallSaid,
  source: ToolCallData['outputSource'],
): { readonly output: string; readonly source: ToolCallData['outputSource'] } | null {
  if (texts && texts.length > 0) return { output: texts.join('\n'), source: 'texts' };
  const hasTexts = texts === undefined && source === 'texts';
  if (rawOutput !== undefined && !hasTexts) return { output: JSON.stringify(rawOutput), source: 'raw' };
  return texts && source === 'texts' ? { output: '', source: 'none' } : null;
}
