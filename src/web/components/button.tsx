import { Button as BaseButton } from '@base-ui/react/button';
import { type ReactNode, type Ref, useId } from 'react';

const looks = {
  primary: 'bg-accent-fill text-white hover:opacity-90 border-transparent',
  danger: 'bg-bad-fill text-white hover:opacity-90 border-transparent',
  plain: 'bg-page border-line hover:bg-hover',
} as const;

interface ButtonProps {
  readonly children: ReactNode;
  readonly look?: keyof typeof looks;
  readonly type?: 'button' | 'submit';
  /** Why it cannot be pressed now. It stays focusable, so that everybody can read the reason. */
  readonly disabledReason?: string | undefined;
  readonly onClick?: () => void;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function buttonClass(look: keyof typeof looks = 'plain'): string {
  return `inline-flex min-h-8 items-center justify-center gap-1.5 whitespace-nowrap rounded-md border px-3 py-1 font-medium transition-colors aria-disabled:cursor-not-allowed aria-disabled:text-soft pointer-coarse:min-h-11 ${looks[look]}`;
}

export function Button({ children, look, type = 'button', disabledReason, onClick, ref }: ButtonProps) {
  const reasonId = useId();
  const isDisabled = disabledReason !== undefined;
  return (
    <>
      <BaseButton
        ref={ref}
        type={type}
        className={buttonClass(isDisabled ? 'plain' : look)}
        disabled={isDisabled}
        focusableWhenDisabled
        title={disabledReason}
        aria-describedby={isDisabled ? reasonId : undefined}
        onClick={onClick}
      >
        {children}
      </BaseButton>
      {isDisabled && (
        <span id={reasonId} hidden>
          {disabledReason}
        </span>
      )}
    </>
  );
}
