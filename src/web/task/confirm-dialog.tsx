import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useRef, useState } from 'react';
import { Button } from '../components/button.tsx';
import { backdropClass, popupClass } from '../components/dialog-classes.ts';

interface ConfirmDialogProps {
  /** The word on the button, and on the button of the dialog. */
  readonly action: string;
  readonly disabledReason: string | undefined;
  readonly consequences: string;
  readonly onConfirm: () => void;
}

/** A button for what destroys something: says first what that is. */
export function ConfirmDialog({ action, disabledReason, consequences, onConfirm }: ConfirmDialogProps) {
  const [open, setOpen] = useState(false);
  // Until it is opened, a dialog costs the page of a task more than the button.
  const [isNeeded, setNeeded] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);

  function show(): void {
    setNeeded(true);
    setOpen(true);
  }

  return (
    <>
      <Button ref={trigger} disabledReason={disabledReason} onClick={show}>
        {action}
      </Button>
      {isNeeded && (
        <AlertDialog.Root open={open} onOpenChange={setOpen}>
          <AlertDialog.Portal>
            <AlertDialog.Backdrop className={backdropClass} />
            <AlertDialog.Popup className={popupClass} initialFocus={keep} finalFocus={trigger}>
              <AlertDialog.Title className="font-semibold text-base">{action}?</AlertDialog.Title>
              <AlertDialog.Description className="wrap-anywhere text-soft">
                {consequences}
              </AlertDialog.Description>
              <div className="flex justify-end gap-2">
                <Button ref={keep} onClick={() => setOpen(false)}>
                  Keep
                </Button>
                <Button
                  look="danger"
                  onClick={() => {
                    setOpen(false);
                    onConfirm();
                  }}
                >
                  {action}
                </Button>
              </div>
            </AlertDialog.Popup>
          </AlertDialog.Portal>
        </AlertDialog.Root>
      )}
    </>
  );
}
