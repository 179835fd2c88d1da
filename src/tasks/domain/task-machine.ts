import type { MachineEvent, MachineEventType, TaskEventKind } from './machine-event.ts';
import { type StepName, statusOfStep, type TaskAction, type TaskStatus, taskActions } from './status.ts';
import type { Steps, TaskFailure, TaskState, Timestamp } from './task.ts';
import {
  closeTask,
  currentStep,
  mapSessions,
  newSession,
  openRequestsAfter,
  runningStep,
  startingSession,
  takesPrompts,
  withFirstSession,
  withoutNextAttempts,
  withSession,
  withStep,
  withStepSucceeded,
  withStepsUndone,
} from './task-state.ts';
import { addMs } from './timestamp.ts';

/** What an accepted event leads to: the state from then on, and what the history shows. */
export interface Transition {
  readonly state: TaskState;
  readonly kind: TaskEventKind;
  readonly step: StepName | null;
  readonly error: TaskFailure | null;
}

const untilRunning = ['stepStarted', 'sessionAdded', 'conversationChanged', 'taskCanceled'] as const;
const whileAttempting = [...untilRunning, 'stepFailed', 'stepInterrupted'] as const;

/** The events that each status accepts. Any other event is refused and changes nothing. */
const acceptedEvents = {
  init_enqueue_provision: untilRunning,
  init_ensure_name: [...whileAttempting, 'nameSettled'],
  init_create_sandbox: [...whileAttempting, 'sandboxCreated'],
  init_ensure_agent: [...whileAttempting, 'agentStarted'],
  init_create_session: [...whileAttempting, 'sessionOpened', 'provisioned'],
  running: [
    'sessionAdded',
    'conversationChanged',
    'sessionLost',
    'sessionStarted',
    'sessionOpened',
    'sessionFailed',
    'sessionInterrupted',
    'sandboxMoved',
    'taskCanceled',
    'taskArchived',
  ],
  error: [
    'sessionAdded',
    'conversationChanged',
    'sandboxMoved',
    'taskRetried',
    'taskCanceled',
    'taskArchived',
  ],
  canceled: ['sandboxReleased'],
  archived: ['sandboxReleased'],
} as const satisfies Record<TaskStatus, readonly MachineEventType[]>;

const eventOfAction = {
  retry: 'taskRetried',
  cancel: 'taskCanceled',
  archive: 'taskArchived',
  create_session: 'sessionAdded',
} as const satisfies Record<TaskAction, MachineEventType>;

/** The actions that a client may take on a task in this status. */
export function availableActions(status: TaskStatus): TaskAction[] {
  return taskActions.filter((action) => accepts(status, eventOfAction[action]));
}

function accepts(status: TaskStatus, type: MachineEventType): boolean {
  return (acceptedEvents[status] as readonly MachineEventType[]).includes(type);
}

/**
 * The only function that decides what becomes of a task. Pure: no clock, no new id, no `await`; all of that comes with the
 * event. Null when the state refuses the event.
 */
export function transition(state: TaskState, event: MachineEvent): Transition | null {
  if (!accepts(state.status, event.type)) return null;
  const apply = transitions[event.type] as (state: TaskState, event: MachineEvent) => Transition | null;
  return apply(state, event);
}

type EventOf<T extends MachineEventType> = Extract<MachineEvent, { type: T }>;

const transitions: { [T in MachineEventType]: (state: TaskState, event: EventOf<T>) => Transition | null } = {
  stepStarted(state, { step: name, at, timeoutMs }) {
    const step = currentStep(state);
    if (step?.name !== name || step.state === 'running') return null;
    const status = statusOfStep[name];
    const next = withStep(state, name, {
      state: 'running',
      attempt: step.attempt + 1,
      startedAt: at,
      finishedAt: null,
      deadlineAt: addMs(at, timeoutMs),
      nextAttemptAt: null,
    });
    const sessions =
      name === 'create_session'
        ? withFirstSession(next, { status: 'pending_session_create' })
        : next.sessions;
    return transitionTo(
      { ...next, status, sessions },
      status === state.status ? 'step.started' : 'task.status_changed',
      name,
    );
  },

  stepFailed(state, { step: name, at, error, retryMs, backTo }) {
    const step = runningStep(state, name);
    if (!step) return null;
    let next = withStep(state, name, {
      state: 'failed',
      failures: step.failures + 1,
      finishedAt: at,
      deadlineAt: null,
      nextAttemptAt: nextAttemptAt(at, retryMs),
      error,
    });
    if (backTo) next = withStepsUndone(next, backTo, name);
    if (retryMs === null) {
      const sessions =
        name === 'create_session' ? withFirstSession(next, { status: 'error', error }) : next.sessions;
      next = { ...withoutNextAttempts(next), status: 'error', error, sessions };
    }
    return transitionTo(next, 'step.failed', name, error);
  },

  stepInterrupted(state, { step: name, at }) {
    if (!runningStep(state, name)) return null;
    const next = withStep(state, name, { state: 'pending', finishedAt: at, deadlineAt: null });
    return transitionTo(next, 'step.interrupted', name);
  },

  nameSettled(state, { at, title, branchName }) {
    const next = withStepSucceeded(state, 'ensure_name', at);
    return next && transitionTo({ ...next, title, branchName }, 'task.named', 'ensure_name');
  },

  sandboxCreated(state, { at, sandbox }) {
    const next = withStepSucceeded(state, 'create_sandbox', at);
    return next && transitionTo({ ...next, sandbox }, 'sandbox.created', 'create_sandbox');
  },

  agentStarted(state, { at }) {
    const next = withStepSucceeded(state, 'ensure_agent', at);
    return next && transitionTo(next, 'agent.started', 'ensure_agent');
  },

  sessionOpened(state, { at, sessionId, isFollowed }) {
    const ready = {
      status: 'ready',
      readyAt: at,
      deadlineAt: null,
      nextAttemptAt: null,
      ...(isFollowed === undefined ? {} : { isFollowed }),
    } as const;
    if (state.status === 'init_create_session') {
      if (state.sessions[0].id !== sessionId) return null;
      const next = withStepSucceeded(state, 'create_session', at);
      if (!next) return null;
      const sessions = withFirstSession(next, { ...ready, error: null });
      return transitionTo({ ...next, sessions }, 'session.ready', 'create_session');
    }
    const session = startingSession(state, sessionId);
    if (!session) return null;
    const next = withSession(state, sessionId, { ...ready, error: null, failures: 0 });
    return transitionTo(next, 'session.ready');
  },

  provisioned(state, { at }) {
    if (currentStep(state)) return null;
    const sessions = mapSessions(state, (session) =>
      session.status === 'pending_provision' ? { ...session, status: 'pending_session_create' } : session,
    );
    return transitionTo(
      { ...state, status: 'running', sessions, readyAt: state.readyAt ?? at },
      'task.status_changed',
    );
  },

  sessionAdded(state, { at, sessionId, agent }) {
    const status = state.status === 'running' ? 'pending_session_create' : 'pending_provision';
    const session = newSession(sessionId, agent, status, at);
    return transitionTo({ ...state, sessions: [...state.sessions, session] }, 'session.created');
  },

  sessionStarted(state, { at, sessionId, timeoutMs }) {
    const session = state.sessions.find(({ id }) => id === sessionId);
    if (session?.status !== 'pending_session_create' || session.deadlineAt !== null) return null;
    const next = withSession(state, sessionId, {
      attempt: session.attempt + 1,
      startedAt: at,
      deadlineAt: addMs(at, timeoutMs),
      nextAttemptAt: null,
    });
    return transitionTo(next, 'session.started');
  },

  sessionFailed(state, { at, sessionId, error, retryMs }) {
    const session = startingSession(state, sessionId);
    if (!session) return null;
    const next = withSession(state, sessionId, {
      status: retryMs === null ? 'error' : session.status,
      failures: session.failures + 1,
      deadlineAt: null,
      nextAttemptAt: nextAttemptAt(at, retryMs),
      error,
    });
    return transitionTo(next, 'session.failed', null, error);
  },

  sessionInterrupted(state, { sessionId }) {
    if (!startingSession(state, sessionId)) return null;
    const next = withSession(state, sessionId, { deadlineAt: null });
    return transitionTo(next, 'session.interrupted');
  },

  conversationChanged(state, { sessionId, kind, isWorking, requests, error }) {
    const session = state.sessions.find(({ id }) => id === sessionId);
    if (!session || !takesPrompts(session)) return null;
    const next = withSession(state, sessionId, {
      ...(isWorking === undefined ? {} : { isWorking }),
      ...(requests === undefined ? {} : { openRequests: openRequestsAfter(session, requests) }),
    });
    return transitionTo(next, kind, null, error ?? null);
  },

  sessionLost(state, { sessionId, error }) {
    const session = state.sessions.find(({ id }) => id === sessionId);
    if (session?.status !== 'ready') return null;
    const next = withSession(state, sessionId, {
      status: 'error',
      error,
      isWorking: false,
      openRequests: 0,
    });
    return transitionTo(next, 'session.lost', null, error);
  },

  taskRetried(state) {
    const step = currentStep(state);
    if (!step) return null;
    const next = withStep(state, step.name, { state: 'pending', failures: 0, nextAttemptAt: null });
    // A step that went back to an earlier one is failed too. It gets all its attempts again together with the earlier one.
    const steps = next.steps.map((each) =>
      each.state === 'failed' ? { ...each, state: 'pending', failures: 0, nextAttemptAt: null } : each,
    ) as unknown as Steps;
    const sessions = withFirstSession(next, { status: 'pending_provision', error: null });
    return transitionTo(
      { ...next, steps, sessions, status: 'init_enqueue_provision', error: null },
      'task.retried',
      step.name,
    );
  },

  taskCanceled: (state, { at }) => transitionTo(closeTask(state, 'canceled', at), 'task.canceled'),

  taskArchived: (state, { at }) => transitionTo(closeTask(state, 'archived', at), 'task.archived'),

  sandboxMoved(state, { cwd }) {
    if (!state.sandbox || state.sandbox.cwd === cwd) return null;
    const sandbox = { ...state.sandbox, cwd };
    return transitionTo({ ...state, sandbox }, 'sandbox.moved');
  },

  sandboxReleased(state) {
    if (!state.sandbox) return null;
    return transitionTo({ ...state, sandbox: null }, 'sandbox.released');
  },
};

function nextAttemptAt(at: Timestamp, retryMs: number | null): Timestamp | null {
  return retryMs === null ? null : addMs(at, retryMs);
}

function transitionTo(
  state: TaskState,
  kind: TaskEventKind,
  step: StepName | null = null,
  error: TaskFailure | null = null,
): Transition {
  return { state, kind, step, error };
}
