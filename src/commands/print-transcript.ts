import type { Groundcrew, TranscriptItem } from '../client/client.ts';

/**
 * Prints the transcript of a session as it comes, line by line. Resolves when the first turn has ended, or when the signal
 * aborts.
 */
export async function printTranscript(
  groundcrew: Groundcrew,
  sessionId: string,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  /** Lines that are printed, by item. */
  const printed = new Map<string, number>();
  for await (const { items } of groundcrew.watchTranscript(sessionId, { signal })) {
    for (const item of items) {
      const lines = finishedLines(item);
      for (const line of lines.slice(printed.get(item.id) ?? 0)) print(`${who(item).padEnd(9)} ${line}`);
      printed.set(item.id, lines.length);
    }
    if (items.some(({ __typename }) => __typename === 'TurnEnd')) return;
  }
}

/** The lines of an item that will not change any more. */
function finishedLines(item: TranscriptItem): string[] {
  const lines = textOf(item).split('\n');
  return item.isComplete
    ? lines.filter((line) => line !== '')
    : lines.slice(0, -1).filter((line) => line !== '');
}

function textOf(item: TranscriptItem): string {
  switch (item.__typename) {
    case 'UserMessage':
    case 'AgentMessage':
    case 'AgentThought':
    case 'Notice':
      return item.text;
    case 'ToolCall':
      return item.isComplete ? `${item.title}: ${item.status}` : '';
    case 'Plan':
      return item.isComplete ? item.entries.map(({ content }) => content).join('\n') : '';
    case 'TurnEnd':
      return item.stopReason;
    default:
      return '';
  }
}

function who({ __typename }: TranscriptItem): string {
  if (__typename === 'UserMessage') return 'prompt';
  return __typename === 'TurnEnd' ? 'end' : 'agent';
}
