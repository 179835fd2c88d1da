import { CircleCheck, CircleDashed, CircleX, LoaderCircle } from 'lucide-react';
import type { StepState } from '../../client/client.ts';
import { stepStates } from '../words.ts';
import { toneColor } from './badge.tsx';

const icons = {
  PENDING: CircleDashed,
  RUNNING: LoaderCircle,
  SUCCEEDED: CircleCheck,
  FAILED: CircleX,
} as const satisfies Record<StepState, unknown>;

/** The state of a step as a shape, so that it does not depend on colors alone. The words beside it say the same. */
export function StepIcon({ state }: { readonly state: StepState }) {
  const Icon = icons[state];
  const motion = state === 'RUNNING' ? 'animate-spin' : '';
  return <Icon aria-hidden className={`size-4.5 shrink-0 ${toneColor[stepStates[state].tone]} ${motion}`} />;
}
