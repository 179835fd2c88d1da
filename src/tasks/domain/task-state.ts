import type { TaskErrorCode } from './error-codes.ts';
import { type StepName, stepNames } from './status.ts';
import type { AttemptState, Session, Step, Steps, TaskState, Timestamp } from './task.ts';

// The pure changes and reads of a state that the machine's transitions are made of.

const noAttempts: AttemptState = {
  attempt: 0,
  failures: 0,
  startedAt: null,
  deadlineAt: null,
  nextAttemptAt: null,
  error: null,
};

/** The state of a new task: nothing was attempted yet. */
export function createTaskState(input: {
  at: Timestamp;
  title: string | null;
  branchName: string | null;
  sessionId: string;
  agent: string;
  traceparent?: string | undefined;
}): TaskState {
  return {
    status: 'init_enqueue_provision',
    error: null,
    title: input.title,
    branchName: input.branchName,
    steps: stepNames.map((name) => ({
      ...noAttempts,
      name,
      state: 'pending',
      finishedAt: null,
    })) as unknown as Steps,
    sandbox: null,
    sessions: [newSession(input.sessionId, input.agent, 'pending_provision', input.at)],
    readyAt: null,
    ...(input.traceparent === undefined ? {} : { traceparent: input.traceparent }),
  };
}

export function newSession(id: string, agent: string, status: Session['status'], at: Timestamp): Session {
  return { ...noAttempts, id, agent, status, createdAt: at, readyAt: null };
}

export function stepOf(state: TaskState, name: StepName): Step {
  return state.steps[stepNames.indexOf(name)] as Step;
}

/** The step that runs or comes next; undefined once all four have succeeded. */
export function currentStep(state: TaskState): Step | undefined {
  return state.steps.find((step) => step.state !== 'succeeded');
}

export function runningStep(state: TaskState, name: StepName): Step | undefined {
  const step = currentStep(state);
  return step?.name === name && step.state === 'running' ? step : undefined;
}

export function startingSession(state: TaskState, id: string): Session | undefined {
  return state.sessions.find((session) => session.id === id && session.deadlineAt !== null);
}

export function withStep(state: TaskState, name: StepName, change: Partial<Step>): TaskState {
  const steps = state.steps.map((step) => (step.name === name ? { ...step, ...change } : step));
  return { ...state, steps: steps as unknown as Steps };
}

export function withStepSucceeded(state: TaskState, name: StepName, at: Timestamp): TaskState | null {
  if (!runningStep(state, name)) return null;
  return withStep(state, name, { state: 'succeeded', failures: 0, finishedAt: at, deadlineAt: null });
}

/** Nothing is attempted again without `retryTask`. */
export function withoutNextAttempts(state: TaskState): TaskState {
  const steps = state.steps.map((step) => ({ ...step, nextAttemptAt: null }));
  return { ...state, steps: steps as unknown as Steps };
}

/** The steps from `first` up to, but not including, `until` are to run again, because what they made is gone. */
export function withStepsUndone(state: TaskState, first: StepName, until: StepName): TaskState {
  const steps = state.steps.map((step, index) =>
    index >= stepNames.indexOf(first) && index < stepNames.indexOf(until)
      ? { ...step, state: 'pending', finishedAt: null }
      : step,
  );
  const sandbox = stepNames.indexOf(first) <= stepNames.indexOf('create_sandbox') ? null : state.sandbox;
  return { ...state, steps: steps as unknown as Steps, sandbox };
}

export function mapSessions(state: TaskState, change: (session: Session) => Session): TaskState['sessions'] {
  const [first, ...others] = state.sessions;
  return [change(first), ...others.map(change)];
}

export function withFirstSession(state: TaskState, change: Partial<Session>): TaskState['sessions'] {
  const [first, ...others] = state.sessions;
  return [{ ...first, ...change }, ...others];
}

export function withSession(state: TaskState, id: string, change: Partial<Session>): TaskState {
  return {
    ...state,
    sessions: mapSessions(state, (session) => (session.id === id ? { ...session, ...change } : session)),
  };
}

/** Ends what runs or waits. What has succeeded stays, and the sandbox until it is released. */
export function closeTask(state: TaskState, status: 'canceled' | 'archived', at: Timestamp): TaskState {
  const steps = state.steps.map((step): Step => {
    if (step.state === 'running') {
      const error = {
        code: 'CANCELED' satisfies TaskErrorCode,
        message: 'The task was canceled.',
        step: step.name,
        retryable: false,
      };
      return { ...step, state: 'failed', finishedAt: at, deadlineAt: null, error };
    }
    return { ...step, nextAttemptAt: null };
  });
  const sessions = mapSessions(state, (session) => ({
    ...session,
    status: 'closed',
    deadlineAt: null,
    nextAttemptAt: null,
    ...(session.isWorking === undefined ? {} : { isWorking: false }),
    ...(session.openRequests === undefined ? {} : { openRequests: 0 }),
  }));
  return { ...state, status, error: null, steps: steps as unknown as Steps, sessions };
}

/** Whether prompts may be stored for a session. Before it is open, nobody knows yet whether it will be followed. */
export function takesPrompts({ status, isFollowed }: Session): boolean {
  switch (status) {
    case 'pending_provision':
    case 'pending_session_create':
      return true;
    case 'ready':
      return isFollowed === true;
    case 'error':
    case 'closed':
      return false;
  }
}

/** How many requests of a session are open after a change by so many; null: none is left. */
export function openRequestsAfter({ openRequests = 0 }: Session, change: number | null): number {
  return change === null ? 0 : Math.max(0, openRequests + change);
}

export type SessionActivity = 'none' | 'idle' | 'working' | 'waiting';

/** What the agent of a session is doing. */
export function activityOf({ status, isWorking = false, openRequests = 0 }: Session): SessionActivity {
  if (status !== 'ready') return 'none';
  if (openRequests > 0) return 'waiting';
  return isWorking ? 'working' : 'idle';
}

/** How many requests of a task's agents wait for an answer. */
export function openRequestsOf(state: TaskState): number {
  return state.sessions.reduce((sum, { openRequests = 0 }) => sum + openRequests, 0);
}
