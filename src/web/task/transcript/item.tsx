import { TriangleAlert } from 'lucide-react';
import { memo, type ReactNode } from 'react';
import type { TranscriptItem } from '../../../client/client.ts';
import { toneColor } from '../../components/badge.tsx';
import { toolCallStatuses, turnEndWords } from '../../words.ts';

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
          <Text>{item.text}</Text>
        </div>
      );
    case 'AgentMessage':
      return <Text>{item.text}</Text>;
    case 'AgentThought':
      return (
        <Folded id={item.id} isOpen={isOpen} onToggle={onToggle} summary="Thought">
          <div className="text-soft">
            <Text>{item.text}</Text>
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
              <li key={index} className="flex justify-between gap-3">
                <Text>{entry.content}</Text>
                <span className="shrink-0 text-soft text-xs">{entry.status.replaceAll('_', ' ')}</span>
              </li>
            ))}
          </ol>
        </div>
      );
    case 'TurnEnd':
      return (
        <div className="border-line border-t pt-2 text-soft text-xs">
          {turnEndWords(item.stopReason)}
          {item.error && <Text>{item.error.message}</Text>}
        </div>
      );
    case 'Notice':
      return (
        <div className="flex gap-2 rounded-lg border border-line p-3 text-busy">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          <Text>{item.text}</Text>
        </div>
      );
    default:
      return null;
  }
});

type ToolCallItem = Extract<TranscriptItem, { __typename: 'ToolCall' }>;

function ToolCall({ item, isOpen, onToggle }: ItemProps & { readonly item: ToolCallItem }) {
  const { words, tone } = toolCallStatuses[item.status];
  const summary = (
    <>
      <span dir="auto" className="wrap-anywhere font-medium text-ink">
        {item.title}
      </span>{' '}
      <span className={toneColor[tone]}>{words}</span>
    </>
  );
  return (
    <Folded id={item.id} isOpen={isOpen} onToggle={onToggle} summary={summary}>
      {item.input !== null && <Block name="Input" text={JSON.stringify(item.input, null, 2)} />}
      {item.locations.length > 0 && (
        <Block
          name="Files"
          text={item.locations.map(({ path, line }) => (line ? `${path}:${line}` : path)).join('\n')}
        />
      )}
      {item.changes.map(({ path, oldText, newText }) => (
        <div key={path}>
          <Block name={`${path}: before`} text={oldText ?? ''} />
          <Block name={`${path}: after`} text={newText} />
        </div>
      ))}
      <Block name="Output" text={item.output} />
    </Folded>
  );
}

interface FoldedProps extends Omit<ItemProps, 'item'> {
  readonly id: string;
  readonly summary: ReactNode;
  readonly children: ReactNode;
}

function Folded({ id, isOpen, onToggle, summary, children }: FoldedProps) {
  return (
    <details
      open={isOpen}
      onToggle={(event) => onToggle(id, event.currentTarget.open)}
      className="rounded-lg border border-line px-3 py-2"
    >
      <summary className="cursor-pointer text-soft">{summary}</summary>
      <div className="mt-2 flex flex-col gap-2">{children}</div>
    </details>
  );
}

function Block({ name, text }: { readonly name: string; readonly text: string }) {
  if (text === '') return null;
  return (
    <figure>
      <figcaption className="wrap-anywhere mb-1 text-soft text-xs">{name}</figcaption>
      <pre className="wrap-anywhere max-h-80 overflow-y-auto whitespace-pre-wrap rounded-md bg-panel p-2 font-mono text-xs">
        {text}
      </pre>
    </figure>
  );
}

function Text({ children }: { readonly children: string }) {
  return (
    <div dir="auto" className="wrap-anywhere min-w-0 whitespace-pre-wrap">
      {children}
    </div>
  );
}
