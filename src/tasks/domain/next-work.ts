import type { Session, Step, TaskState, Timestamp } from './task.ts';
import { currentStep } from './task-state.ts';

/** What is left to do for a task. The row alone says it; a job only wakes somebody up to look. */
export type Work =
  | { type: 'startStep'; step: Step }
  /** A step under way. To a worker that has just taken the task: whoever began it is gone. */
  | { type: 'stepUnderWay'; step: Step }
  | { type: 'finishProvisioning' }
  | { type: 'startSession'; session: Session }
  | { type: 'sessionUnderWay'; session: Session }
  | { type: 'wait'; until: Timestamp }
  | { type: 'nothing' };

export function nextWork(state: TaskState, now: Timestamp): Work {
  switch (state.status) {
    case 'init_enqueue_provision':
    case 'init_ensure_name':
    case 'init_create_sandbox':
    case 'init_ensure_agent':
    case 'init_create_session': {
      const step = currentStep(state);
      if (!step) return { type: 'finishProvisioning' };
      if (step.state === 'running') return { type: 'stepUnderWay', step };
      if (step.nextAttemptAt !== null && step.nextAttemptAt > now)
        return { type: 'wait', until: step.nextAttemptAt };
      return { type: 'startStep', step };
    }
    case 'running':
      return nextSessionWork(state, now);
    case 'error':
    case 'canceled':
    case 'archived':
      return { type: 'nothing' };
  }
}

function nextSessionWork(state: TaskState, now: Timestamp): Work {
  const pending = state.sessions.filter(({ status }) => status === 'pending_session_create');
  const underWay = pending.find(({ deadlineAt }) => deadlineAt !== null);
  if (underWay) return { type: 'sessionUnderWay', session: underWay };
  const due = pending.find(({ nextAttemptAt }) => nextAttemptAt === null || nextAttemptAt <= now);
  if (due) return { type: 'startSession', session: due };
  const until = pending
    .map(({ nextAttemptAt }) => nextAttemptAt)
    .filter((at) => at !== null)
    .sort()[0];
  return until === undefined ? { type: 'nothing' } : { type: 'wait', until };
}

/** When somebody has to look at the task again; null: never, unless something is asked of it. */
export function wakeAt(state: TaskState, now: Timestamp): Timestamp | null {
  const work = nextWork(state, now);
  switch (work.type) {
    case 'nothing':
      return null;
    case 'wait':
      return work.until;
    default:
      return now;
  }
}
