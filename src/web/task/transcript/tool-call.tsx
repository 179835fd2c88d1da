import type { TranscriptItem } from '../../../client/client.ts';
import { toneColor } from '../../components/badge.tsx';
import { toolCallStatuses } from '../../words.ts';
import { TextBlock } from './block.tsx';
import { Change } from './changes.tsx';
import { Folded } from './folded.tsx';

type ToolCallItem = Extract<TranscriptItem, { __typename: 'ToolCall' }>;

interface ToolCallProps {
  readonly item: ToolCallItem;
  readonly isOpen: boolean;
  readonly onToggle: (id: string, isOpen: boolean) => void;
}

/** What an agent does, folded, with what it has changed and put out. */
export function ToolCall({ item, isOpen, onToggle }: ToolCallProps) {
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
      <Parts item={item} />
    </Folded>
  );
}

function Parts({ item }: { readonly item: ToolCallItem }) {
  return (
    <>
      {item.input !== null && <TextBlock name="Input" text={JSON.stringify(item.input, null, 2)} />}
      {item.locations.length > 0 && (
        <TextBlock
          name="Files"
          text={item.locations.map(({ path, line }) => (line ? `${path}:${line}` : path)).join('\n')}
        />
      )}
      {item.changes.map((change) => (
        <Change key={change.path} change={change} />
      ))}
      <TextBlock name="Output" text={item.output} />
    </>
  );
}
