import type { TranscriptItem } from '../../../client/client.ts';
import { lazyModule } from '../../lazy-module.ts';
import { Block, TextBlock } from './block.tsx';

export type FileChange = Extract<TranscriptItem, { __typename: 'ToolCall' }>['changes'][number];

const useFileChange = lazyModule(() => import('./file-change.tsx'));

/** What a tool call has changed in a file: what differs, and both versions until the code that compares them is loaded. */
export function Change({ change }: { readonly change: FileChange }) {
  const module = useFileChange();
  const { path, oldText, newText } = change;
  if (!module)
    return (
      <div>
        <TextBlock name={`${path}: before`} text={oldText ?? ''} />
        <TextBlock name={`${path}: after`} text={newText} />
      </div>
    );
  return (
    <Block name={oldText === null ? `${path} (new)` : path}>
      <module.FileChangeLines change={change} />
    </Block>
  );
}
