import { lazyModule } from '../../lazy-module.ts';
import { Block, TextBlock } from './block.tsx';
import type { FileChange } from './file-change.tsx';

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
