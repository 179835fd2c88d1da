import type { LucideIcon } from 'lucide-react';

interface IconButtonProps {
  readonly icon: LucideIcon;
  readonly name: string;
  readonly onClick: () => void;
  readonly className?: string;
}

/** A quiet button of the header. */
export function IconButton({ icon: Icon, name, onClick, className = '' }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      onClick={onClick}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-md text-soft hover:bg-hover hover:text-ink pointer-coarse:size-11 ${className}`}
    >
      <Icon aria-hidden className="size-4" />
    </button>
  );
}
