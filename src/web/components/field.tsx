import { type ReactNode, useId } from 'react';

export const inputClass =
  'w-full rounded-md border border-edge/60 bg-page px-3 py-2 text-ink placeholder:text-soft aria-invalid:border-bad max-sm:text-base';

interface ControlAttributes {
  readonly id: string;
  readonly 'aria-invalid': true | undefined;
  readonly 'aria-describedby': string | undefined;
}

interface FieldProps {
  readonly label: string;
  /** What is wrong with the value. Empty: nothing is. */
  readonly error?: string | undefined;
  readonly hint?: string | undefined;
  /** Renders the control with the attributes that tie it to its label and its messages. */
  readonly children: (attributes: ControlAttributes) => ReactNode;
}

/** A control with its label above, and the error or hint that describes it below. */
export function Field({ label, error, hint, children }: FieldProps) {
  const id = useId();
  const messageId = `${id}-message`;
  const message = error || hint;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({
        id,
        'aria-invalid': error ? true : undefined,
        'aria-describedby': message ? messageId : undefined,
      })}
      {message && (
        <p id={messageId} className={error ? 'text-bad' : 'text-soft text-xs'}>
          {message}
        </p>
      )}
    </div>
  );
}
