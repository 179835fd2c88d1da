import type { Task } from '../../client/client.ts';
import { toneColor } from '../components/badge.tsx';
import { StepIcon } from '../components/step-icon.tsx';
import { duration, Since, Time, Until } from '../components/time.tsx';
import { stepStates, steps as stepWords } from '../words.ts';
import { Section } from './section.tsx';

type Step = Task['steps'][number];

interface ProvisioningProps {
  readonly steps: readonly Step[];
  /** The page explains this error elsewhere. */
  readonly explained: string | undefined;
}

/** The four steps that get a task ready, as a timeline. */
export function Provisioning({ steps, explained }: ProvisioningProps) {
  return (
    <Section title="Provisioning">
      <ol aria-label="Provisioning" className="overflow-hidden rounded-lg border border-line">
        {steps.map((step) => (
          <StepItem
            key={step.name}
            step={step}
            error={step.error?.message === explained ? undefined : step.error?.message}
          />
        ))}
      </ol>
    </Section>
  );
}

interface StepItemProps {
  readonly step: Step;
  /** Of its latest attempt that has failed. */
  readonly error: string | undefined;
}

function StepItem({ step, error }: StepItemProps) {
  const { title, hint } = stepWords[step.name];
  const { words, tone } = stepStates[step.state];
  return (
    <li className={`group flex gap-3 px-4 ${step.state === 'RUNNING' ? 'bg-panel' : ''}`}>
      <span className="flex flex-col items-center">
        <span aria-hidden className="h-3 w-px bg-line group-first:bg-transparent" />
        <StepIcon state={step.state} />
        <span aria-hidden className="w-px grow bg-line group-last:bg-transparent" />
      </span>
      <div className="flex min-w-0 grow flex-col gap-0.5 pt-2.5 pb-3">
        <div className="flex flex-wrap items-baseline gap-x-3">
          <span className="font-medium">{title}</span>
          <span className={toneColor[tone]}>{words}</span>
          <span className="text-soft text-xs max-sm:basis-full sm:ml-auto">
            <Times step={step} />
          </span>
        </div>
        {step.state === 'PENDING' && !step.error && <p className="text-soft text-xs">{hint}</p>}
        {error && (
          <p
            dir="auto"
            className={`wrap-anywhere whitespace-pre-wrap text-xs ${step.state === 'FAILED' ? 'text-bad' : 'text-soft'}`}
          >
            {step.state === 'FAILED' ? error : `The attempt before has failed: ${error}`}
          </p>
        )}
      </div>
    </li>
  );
}

/** Attempt, running time, and what the step waits for. */
function Times({ step }: { readonly step: Step }) {
  const { state, attempt, startedAt, finishedAt, deadlineAt, nextAttemptAt } = step;
  return (
    <span className="flex flex-wrap gap-x-3">
      {attempt > 1 && <span>attempt {attempt}</span>}
      {state === 'RUNNING' && startedAt && <Since at={startedAt} />}
      {state === 'RUNNING' && deadlineAt && (
        <span>
          <Until at={deadlineAt} before="times out in" over="timing out" />
        </span>
      )}
      {state !== 'RUNNING' && nextAttemptAt && (
        <span>
          <Until at={nextAttemptAt} before="next attempt in" over="next attempt in a moment" />
        </span>
      )}
      {state === 'SUCCEEDED' && startedAt && finishedAt && (
        <span>took {duration(Date.parse(finishedAt) - Date.parse(startedAt))}</span>
      )}
      {(state === 'SUCCEEDED' || state === 'FAILED') && finishedAt && <Time at={finishedAt} look="clock" />}
    </span>
  );
}
