import type { Task } from '../../client/client.ts';
import { ToneDot, toneColor } from '../components/badge.tsx';
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
      <ol aria-label="Provisioning" className="rounded-lg border border-line">
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
    <li className="group relative flex gap-3 border-line border-b px-4 py-3 last:border-b-0">
      <span className="flex flex-col items-center pt-1">
        <ToneDot tone={tone} />
        <span aria-hidden className="mt-1.5 -mb-3 w-px grow bg-line group-last:hidden" />
      </span>
      <div className="flex min-w-0 grow flex-col gap-1">
        <div className="flex flex-wrap items-baseline gap-x-3">
          <span className="font-medium">{title}</span>
          <span className={toneColor[tone]}>{words}</span>
          <span className="ml-auto text-soft text-xs">
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
          times out in <Until at={deadlineAt} />
        </span>
      )}
      {state !== 'RUNNING' && nextAttemptAt && (
        <span>
          next attempt in <Until at={nextAttemptAt} />
        </span>
      )}
      {state === 'SUCCEEDED' && startedAt && finishedAt && (
        <span>took {duration(Date.parse(finishedAt) - Date.parse(startedAt))}</span>
      )}
      {(state === 'SUCCEEDED' || state === 'FAILED') && finishedAt && <Time at={finishedAt} look="clock" />}
    </span>
  );
}
