import { type StepName, statusOfStep, type TaskAction, type TaskStatus, taskActions } from './status.ts';
import type { Sandbox, Steps, TaskFailure, TaskState, Timestamp } from './task.ts';
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

/** What can happen to a task. Each accepted event is one revision. */
export type MachineEvent =
  | { type: 'stepStarted'; at: Timestamp; step: StepName; timeoutMs: number }
  /**
   * `retryMs` is the pause before the next attempt, and null when the step is given up. `backTo` names an earlier step whose result is gone; provisioning
   * continues with that step.
   */
  | {
      type: 'stepFailed';
      at: Timestamp;
      step: StepName;
      error: TaskFailure;
      retryMs: number | null;
      backTo?: StepName;
    }
  /**
   * The worker stops in the middle of the step, or has not come back after an outage of the database: not a failure, and no
   * attempt is used up.
   */
  | { type: 'stepInterrupted'; at: Timestamp; step: StepName }
  | { type: 'nameSettled'; at: Timestamp; title: string; branchName: string }
  | { type: 'sandboxCreated'; at: Timestamp; sandbox: Sandbox }
  | { type: 'agentStarted'; at: Timestamp }
  /** `isFollowed`: the session has a transcript, and takes prompts. */
  | { type: 'sessionOpened'; at: Timestamp; sessionId: string; isFollowed?: boolean }
  | { type: 'provisioned'; at: Timestamp }
  | { type: 'sessionAdded'; at: Timestamp; sessionId: string; agent: string }
  | { type: 'sessionStarted'; at: Timestamp; sessionId: string; timeoutMs: number }
  | {
      type: 'sessionFailed';
      at: Timestamp;
      sessionId: string;
      error: TaskFailure;
      retryMs: number | null;
    }
  | { type: 'sessionInterrupted'; at: Timestamp; sessionId: string }
  /** Something happened in the conversation of a session. What is left out is unchanged. */
  | {
      type: 'conversationChanged';
      at: Timestamp;
      sessionId: string;
      kind: ConversationEventKind;
      isWorking?: boolean;
      /** By how many the open requests become more or fewer; null: none is left. */
      requests?: number | null;
      error?: TaskFailure;
    }
  /** The agent of a session is gone, and cannot be started again. */
  | { type: 'sessionLost'; at: Timestamp; sessionId: string; error: TaskFailure }
  | { type: 'taskRetried'; at: Timestamp }
  | { type: 'taskCanceled'; at: Timestamp }
  | { type: 'taskArchived'; at: Timestamp }
  /** The folder that holds the sandbox was moved. */
  | { type: 'sandboxMoved'; at: Timestamp; cwd: string }
  | { type: 'sandboxReleased'; at: Timestamp };

export type MachineEventType = MachineEvent['type'];
/** What happens, without the time: that is known when it is written. */
export type NewMachineEvent = WithoutTime<MachineEvent>;
type WithoutTime<E> = E extends MachineEvent ? Omit<E, 'at'> : never;
type EventOf<T extends MachineEventType> = Extract<MachineEvent, { type: T }>;

/** What an accepted event leads to: the state from then on, and what the history shows. */
export interface Transition {
  readonly state: TaskState;
  readonly kind: TaskEventKind;
  readonly step: StepName | null;
  readonly error: TaskFailure | null;
}

/** What can happen in a conversation that changes its task. */
export const conversationEventKinds = [
  'prompt.queued',
  'prompt.removed',
  'prompt.sending',
  'prompt.accepted',
  'prompt.unknown',
  'turn.ended',
  'turn.interrupted',
  'request.opened',
  'request.answered',
  'agent.restarted',
] as const;
export type ConversationEventKind = (typeof conversationEventKinds)[number];

export const taskEventKinds = [
  'task.created',
  'task.named',
  'task.status_changed',
  'task.retried',
  'task.canceled',
  'task.archived',
  'step.started',
  'step.failed',
  'step.interrupted',
  'sandbox.created',
  'sandbox.moved',
  'sandbox.released',
  'agent.started',
  'session.created',
  'session.started',
  'session.ready',
  'session.failed',
  'session.interrupted',
  'session.lost',
  ...conversationEventKinds,
] as const;
export type TaskEventKind = (typeof taskEventKinds)[number];

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
    return {
      state: { ...next, status, sessions },
      kind: status === state.status ? 'step.started' : 'task.status_changed',
      step: name,
      error: null,
    };
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
    return { state: next, kind: 'step.failed', step: name, error };
  },

  stepInterrupted(state, { step: name, at }) {
    if (!runningStep(state, name)) return null;
    const next = withStep(state, name, { state: 'pending', finishedAt: at, deadlineAt: null });
    return { state: next, kind: 'step.interrupted', step: name, error: null };
  },

  nameSettled(state, { at, title, branchName }) {
    const next = withStepSucceeded(state, 'ensure_name', at);
    return (
      next && { state: { ...next, title, branchName }, kind: 'task.named', step: 'ensure_name', error: null }
    );
  },

  sandboxCreated(state, { at, sandbox }) {
    const next = withStepSucceeded(state, 'create_sandbox', at);
    return (
      next && { state: { ...next, sandbox }, kind: 'sandbox.created', step: 'create_sandbox', error: null }
    );
  },

  agentStarted(state, { at }) {
    const next = withStepSucceeded(state, 'ensure_agent', at);
    return next && { state: next, kind: 'agent.started', step: 'ensure_agent', error: null };
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
      return { state: { ...next, sessions }, kind: 'session.ready', step: 'create_session', error: null };
    }
    const session = startingSession(state, sessionId);
    if (!session) return null;
    const next = withSession(state, sessionId, { ...ready, error: null, failures: 0 });
    return { state: next, kind: 'session.ready', step: null, error: null };
  },

  provisioned(state, { at }) {
    if (currentStep(state)) return null;
    const sessions = mapSessions(state, (session) =>
      session.status === 'pending_provision' ? { ...session, status: 'pending_session_create' } : session,
    );
    return {
      state: { ...state, status: 'running', sessions, readyAt: state.readyAt ?? at },
      kind: 'task.status_changed',
      step: null,
      error: null,
    };
  },

  sessionAdded(state, { at, sessionId, agent }) {
    const status = state.status === 'running' ? 'pending_session_create' : 'pending_provision';
    const session = newSession(sessionId, agent, status, at);
    return {
      state: { ...state, sessions: [...state.sessions, session] },
      kind: 'session.created',
      step: null,
      error: null,
    };
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
    return { state: next, kind: 'session.started', step: null, error: null };
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
    return { state: next, kind: 'session.failed', step: null, error };
  },

  sessionInterrupted(state, { sessionId }) {
    if (!startingSession(state, sessionId)) return null;
    const next = withSession(state, sessionId, { deadlineAt: null });
    return { state: next, kind: 'session.interrupted', step: null, error: null };
  },

  conversationChanged(state, { sessionId, kind, isWorking, requests, error }) {
    const session = state.sessions.find(({ id }) => id === sessionId);
    if (!session || !takesPrompts(session)) return null;
    const next = withSession(state, sessionId, {
      ...(isWorking === undefined ? {} : { isWorking }),
      ...(requests === undefined ? {} : { openRequests: openRequestsAfter(session, requests) }),
    });
    return { state: next, kind, step: null, error: error ?? null };
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
    return { state: next, kind: 'session.lost', step: null, error };
  },

  taskRetried(state) {
    const step = currentStep(state);
    if (!step) return null;
    const next = withStep(state, step.name, { state: 'pending', failures: 0, nextAttemptAt: null });
    // A step that went back to an earlier one is failed too, and gets its attempts anew together with it.
    const steps = next.steps.map((each) =>
      each.state === 'failed' ? { ...each, state: 'pending', failures: 0, nextAttemptAt: null } : each,
    ) as unknown as Steps;
    const sessions = withFirstSession(next, { status: 'pending_provision', error: null });
    return {
      state: { ...next, steps, sessions, status: 'init_enqueue_provision', error: null },
      kind: 'task.retried',
      step: step.name,
      error: null,
    };
  },

  taskCanceled: (state, { at }) => ({
    state: closeTask(state, 'canceled', at),
    kind: 'task.canceled',
    step: null,
    error: null,
  }),

  taskArchived: (state, { at }) => ({
    state: closeTask(state, 'archived', at),
    kind: 'task.archived',
    step: null,
    error: null,
  }),

  sandboxMoved(state, { cwd }) {
    if (!state.sandbox || state.sandbox.cwd === cwd) return null;
    const sandbox = { ...state.sandbox, cwd };
    return { state: { ...state, sandbox }, kind: 'sandbox.moved', step: null, error: null };
  },

  sandboxReleased(state) {
    if (!state.sandbox) return null;
    return { state: { ...state, sandbox: null }, kind: 'sandbox.released', step: null, error: null };
  },
};

function nextAttemptAt(at: Timestamp, retryMs: number | null): Timestamp | null {
  return retryMs === null ? null : addMs(at, retryMs);
}
