import { TriangleAlert } from 'lucide-react';
import { memo } from 'react';
import type { TranscriptItem } from '../../../client/client.ts';
import { toneColor } from '../../components/badge.tsx';
import { planEntryWords, turnEndWords } from '../../words.ts';
import { AgentText } from './agent-text.tsx';
import { Folded } from './folded.tsx';
import { PlainText } from './plain-text.tsx';
import { ToolCall } from './tool-call.tsx';

interface ItemProps {
  readonly item: TranscriptItem;
  readonly isOpen: boolean;
  readonly onToggle: (id: string, isOpen: boolean) => void;
}

/** One thing in a transcript. A kind that a newer server has is not shown. An update renders the items that it changes. */
export const Item = memo(function Item({ item, isOpen, onToggle }: ItemProps) {
  switch (item.__typename) {
    case 'UserMessage':
      return (
        <div className="rounded-lg bg-panel p-3">
          <p className="mb-1 text-soft text-xs">Prompt</p>
          <PlainText>{item.text}</PlainText>
        </div>
      );
    case 'AgentMessage':
      return <AgentText text={item.text} isComplete={item.isComplete} />;
    case 'AgentThought':
      return (
        <Folded id={item.id} isOpen={isOpen} onToggle={onToggle} summary="Thought">
          <div className="text-soft">
            <AgentText text={item.text} isComplete={item.isComplete} />
          </div>
        </Folded>
      );
    case 'ToolCall':
      return <ToolCall item={item} isOpen={isOpen} onToggle={onToggle} />;
    case 'Plan':
      return (
        <div className="rounded-lg border border-line p-3">
          <p className="mb-1 text-soft text-xs">Plan</p>
          <ol className="flex flex-col gap-1">
            {item.entries.map((entry, index) => (
              <PlanEntry key={index} content={entry.content} status={entry.status} />
            ))}
          </ol>
        </div>
      );
    case 'TurnEnd':
      return (
        <div className="border-line border-t pt-2 text-soft text-xs">
          {turnEndWords(item.stopReason)}
          {item.error && <PlainText>{item.error.message}</PlainText>}
        </div>
      );
    case 'Notice':
      return (
        <div className="flex gap-2 rounded-lg border border-line p-3 text-busy">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          <PlainText>{item.text}</PlainText>
        </div>
      );
    default:
      return null;
  }
});

function PlanEntry({ content, status }: { readonly content: string; readonly status: string }) {
  const { words, tone } = planEntryWords(status);
  return (
    <li className="flex items-baseline justify-between gap-3">
      <PlainText>{content}</PlainText>
      <span className={`shrink-0 text-xs ${toneColor[tone]}`}>{words}</span>
    </li>
  );
}
