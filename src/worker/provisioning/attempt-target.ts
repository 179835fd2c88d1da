import type { NewMachineEvent } from '../../tasks/domain/machine-event.ts';
import type { StepName } from '../../tasks/domain/status.ts';
import type { AttemptState, TaskFailure, TaskState } from '../../tasks/domain/task.ts';
import { stepOf } from '../../tasks/domain/task-state.ts';
import { createSandbox } from './steps/create-sandbox.ts';
import { createLaterSession, createSession } from './steps/create-session.ts';
import { ensureAgent } from './steps/ensure-agent.ts';
import { ensureName } from './steps/ensure-name.ts';
import type { Step } from './steps/step.ts';

/** What a worker attempts: a step, or a session that was added later. The two differ only in what stands here. */
export interface AttemptTarget {
  /** The step, or the one whose work this is like: its timeout and the code of its failures apply. */
  readonly step: StepName;
  /** The step that failures name; null for a session. */
  readonly failedStep: StepName | null;
  readonly run: Step;
  attemptsIn(state: TaskState): AttemptState | undefined;
  started(timeoutMs: number): NewMachineEvent;
  interrupted(): NewMachineEvent;
  failed(error: TaskFailure, retryMs: number | null): NewMachineEvent;
}

const steps = {
  ensure_name: ensureName,
  create_sandbox: createSandbox,
  ensure_agent: ensureAgent,
  create_session: createSession,
} as const satisfies Record<StepName, Step>;

/** The earlier step whose result is gone, by the code of the failure that says so. */
const rollbackStepByCode: Readonly<Record<string, StepName>> = {
  SANDBOX_GONE: 'create_sandbox',
  AGENT_GONE: 'ensure_agent',
};

export function stepTarget(step: StepName): AttemptTarget {
  return {
    step,
    failedStep: step,
    run: steps[step],
    attemptsIn: (state) => stepOf(state, step),
    started: (timeoutMs) => ({ type: 'stepStarted', step, timeoutMs }),
    interrupted: () => ({ type: 'stepInterrupted', step }),
    failed(error, retryMs) {
      const backTo = step === 'ensure_name' ? undefined : rollbackStepByCode[error.code];
      const rollback = backTo && backTo !== step ? { backTo } : {};
      return { type: 'stepFailed', step, error, retryMs, ...rollback };
    },
  };
}

export function sessionTarget(sessionId: string): AttemptTarget {
  return {
    step: 'create_session',
    failedStep: null,
    run: createLaterSession(sessionId),
    attemptsIn: (state) => state.sessions.find(({ id }) => id === sessionId),
    started: (timeoutMs) => ({ type: 'sessionStarted', sessionId, timeoutMs }),
    interrupted: () => ({ type: 'sessionInterrupted', sessionId }),
    failed: (error, retryMs) => ({ type: 'sessionFailed', sessionId, error, retryMs }),
  };
}
