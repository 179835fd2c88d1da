import { Dialog } from '@base-ui/react/dialog';
import { buttonClass } from '../components/button.tsx';
import { backdropClass, popupClass } from '../components/dialog-classes.ts';

const shortcuts = [
  ['n', 'New task'],
  ['/', 'Search the tasks'],
  ['↓ ↑ or j k', 'Next or previous task of the list'],
  ['Enter', 'Open the task'],
  ['Ctrl Enter or ⌘ Enter', 'Send the form'],
  ['?', 'Show these keys'],
  ['Esc', 'Close a dialog'],
] as const;

interface ShortcutsDialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

export function ShortcutsDialog({ open, onOpenChange }: ShortcutsDialogProps) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className={backdropClass} />
        <Dialog.Popup className={popupClass}>
          <Dialog.Title className="font-semibold text-base">Keyboard shortcuts</Dialog.Title>
          <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
            {shortcuts.map(([keys, what]) => (
              <div key={keys} className="contents">
                <dt className="font-mono text-xs leading-5">{keys}</dt>
                <dd className="text-soft">{what}</dd>
              </div>
            ))}
          </dl>
          <Dialog.Close className={`${buttonClass()} self-end`}>Close</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
