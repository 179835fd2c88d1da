import type { Session, Step, TaskState, Timestamp } from './task.ts';
import { currentStep } from './task-state.ts';
import { addMs } from './timestamp.ts';

/** Milliseconds. No pause before an attempt is longer. */
export const maxPauseMs = 60_000;
/** Milliseconds. An instant further ahead was stored before the clock was set back: nothing waits until it is reached again. */
export const farAheadMs = 2 * maxPauseMs;

/** What is left to do for a task. The state alone says it; a job only makes a worker look. */
export type Work =
  | { type: 'startStep'; step: Step }
  /** A step is marked running. To a worker that has just leased the task: the worker that ran it is dead. */
  | { type: 'stepRunning'; step: Step }
  | { type: 'finishProvisioning' }
  | { type: 'startSession'; session: Session }
  | { type: 'sessionRunning'; session: Session }
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
      if (step.state === 'running') return { type: 'stepRunning', step };
      const until = step.nextAttemptAt;
      return until === null || isDue(until, now) ? { type: 'startStep', step } : { type: 'wait', until };
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
  const running = pending.find(({ deadlineAt }) => deadlineAt !== null);
  if (running) return { type: 'sessionRunning', session: running };
  const due = pending.find(({ nextAttemptAt }) => nextAttemptAt === null || isDue(nextAttemptAt, now));
  if (due) return { type: 'startSession', session: due };
  const until = pending
    .map(({ nextAttemptAt }) => nextAttemptAt)
    .filter((at) => at !== null)
    .sort()[0];
  return until === undefined ? { type: 'nothing' } : { type: 'wait', until };
}

function isDue(at: Timestamp, now: Timestamp): boolean {
  return at <= now || at > addMs(now, farAheadMs);
}
