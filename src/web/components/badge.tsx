import type { ReactNode } from 'react';
import type { Tone } from '../words.ts';

export const toneColor = {
  waiting: 'text-soft',
  busy: 'text-busy',
  good: 'text-good',
  bad: 'text-bad',
  over: 'text-soft',
} as const satisfies Record<Tone, string>;

/** A dot in the color of the tone, which pulses while something is being done. The words beside it say the same. */
export function ToneDot({ tone }: { readonly tone: Tone }) {
  const shape = tone === 'waiting' || tone === 'over' ? 'border-2 border-current' : 'bg-current';
  const motion = tone === 'busy' ? 'animate-pulse' : '';
  return (
    <span aria-hidden className={`size-2.5 shrink-0 rounded-full ${shape} ${motion} ${toneColor[tone]}`} />
  );
}

interface BadgeProps {
  readonly tone: Tone;
  readonly children: ReactNode;
  /** Announces each change of its text, once the reader is idle. */
  readonly announced?: boolean;
}

export function Badge({ tone, children, announced }: BadgeProps) {
  return (
    <span
      role={announced ? 'status' : undefined}
      className={`inline-flex items-center gap-2 whitespace-nowrap font-medium ${toneColor[tone]}`}
    >
      <ToneDot tone={tone} />
      {children}
    </span>
  );
}
