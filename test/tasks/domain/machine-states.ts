import {
  conversationEventKinds,
  type MachineEvent,
  type MachineEventType,
} from '../../../src/tasks/domain/machine-event.ts';
import { type StepName, stepNames, type TaskStatus } from '../../../src/tasks/domain/status.ts';
import type { Task, TaskFailure, TaskState } from '../../../src/tasks/domain/task.ts';
import { transition } from '../../../src/tasks/domain/task-machine.ts';
import { createTaskState } from '../../../src/tasks/domain/task-state.ts';

// States to try the machine in, made by the machine itself, and every event that could happen in them.

export const at = '2026-11-22T08:10:13.123Z';
export const later = '2026-11-22T08:11:13.123Z';
/** Milliseconds from `at` to `later`. */
export const laterMs = 60_000;
export const failure = (step: StepName | null): TaskFailure => ({
  code: 'SANDBOX_FAILED',
  message: 'no room',
  step,
  retryable: true,
});

export const created: TaskState = createTaskState({
  at,
  title: null,
  branchName: null,
  sessionId: 'session_1',
  agent: 'demo',
});

export const started = (step: StepName): MachineEvent => ({
  type: 'stepStarted',
  at,
  step,
  timeoutMs: laterMs,
});

export const succeeded: Record<StepName, MachineEvent> = {
  ensure_name: { type: 'nameSettled', at, title: 'A title', branchName: 'a-branch' },
  create_sandbox: { type: 'sandboxCreated', at, sandbox: { id: 'box', provider: 'local', cwd: '/work' } },
  ensure_agent: { type: 'agentStarted', at },
  create_session: { type: 'sessionOpened', at, sessionId: 'session_1', isFollowed: true },
};

/** The events of a task's way from its creation to RUNNING. */
export function eventsToRunning(task: Task): MachineEvent[] {
  const steps: StepName[] = ['ensure_name', 'create_sandbox', 'ensure_agent'];
  return [
    ...steps.flatMap((step) => [started(step), succeeded[step]]),
    started('create_session'),
    { type: 'sessionOpened', at, sessionId: task.state.sessions[0].id, isFollowed: true },
    { type: 'provisioned', at },
  ];
}

export const failed = (step: StepName, retryMs: number | null, backTo?: StepName): MachineEvent => ({
  type: 'stepFailed',
  at,
  step,
  error: failure(step),
  retryMs,
  ...(backTo ? { backTo } : {}),
});

/** Lets events happen, each of which has to be accepted. */
export function after(state: TaskState, ...events: MachineEvent[]): TaskState {
  let reached = state;
  for (const event of events) {
    const next = transition(reached, event);
    if (!next) throw new Error(`${event.type} is refused in ${reached.status}`);
    reached = next.state;
  }
  return reached;
}

/** The task with its steps done up to, without, `step`. */
export function before(step: StepName): TaskState {
  const done = stepNames.slice(0, stepNames.indexOf(step));
  return after(created, ...done.flatMap((name) => [started(name), succeeded[name]]));
}

export const during = (step: StepName): TaskState => after(before(step), started(step));

export const provisionedSteps = after(during('create_session'), succeeded.create_session);
export const running = after(provisionedSteps, { type: 'provisioned', at });
export const withSecondSession = after(running, {
  type: 'sessionAdded',
  at,
  sessionId: 'session_2',
  agent: 'demo',
});
export const startingSecondSession = after(withSecondSession, {
  type: 'sessionStarted',
  at,
  sessionId: 'session_2',
  timeoutMs: laterMs,
});

/** Every event of a type that makes sense in some state, with each of its parameters. */
export function eventsOfType(type: MachineEventType, state: TaskState): MachineEvent[] {
  const sessionIds = [...state.sessions.map(({ id }) => id), 'session_of_nobody'];
  switch (type) {
    case 'stepStarted':
      return stepNames.map(started);
    case 'stepFailed':
      return stepNames.flatMap((step) => {
        const earlier = stepNames.slice(1, Math.max(stepNames.indexOf(step), 1));
        return [undefined, ...earlier].flatMap((backTo) => [
          failed(step, laterMs, backTo),
          failed(step, null, backTo),
        ]);
      });
    case 'stepInterrupted':
      return stepNames.map((step) => ({ type, at, step }));
    case 'nameSettled':
      return [succeeded.ensure_name];
    case 'sandboxCreated':
      return [succeeded.create_sandbox];
    case 'agentStarted':
      return [succeeded.ensure_agent];
    case 'sessionOpened':
    case 'sessionInterrupted':
      return sessionIds.map((sessionId) => ({ type, at, sessionId }));
    case 'sessionStarted':
      return sessionIds.map((sessionId) => ({ type, at, sessionId, timeoutMs: laterMs }));
    case 'sessionFailed':
      return sessionIds.flatMap((sessionId) =>
        [laterMs, null].map((retryMs) => ({
          type,
          at,
          sessionId,
          error: failure(null),
          retryMs,
        })),
      );
    case 'sessionAdded':
      return [{ type, at, sessionId: `session_${state.sessions.length + 1}`, agent: 'demo' }];
    case 'sandboxMoved':
      return [{ type, at, cwd: '/moved/checkout' }];
    case 'conversationChanged':
      return sessionIds.flatMap((sessionId) =>
        conversationEventKinds.map((kind) => ({
          type,
          at,
          sessionId,
          kind,
          isWorking: true,
          requests: 1,
        })),
      );
    case 'sessionLost':
      return sessionIds.map((sessionId) => ({ type, at, sessionId, error: failure(null) }));
    case 'provisioned':
    case 'taskRetried':
    case 'taskCanceled':
    case 'taskArchived':
    case 'sandboxReleased':
      return [{ type, at }];
  }
}

const attemptsAt = (step: (typeof stepNames)[number]) => [
  during(step),
  after(during(step), failed(step, laterMs)),
  after(during(step), { type: 'stepInterrupted', at, step }),
  after(during(step), succeeded[step]),
  after(during(step), { type: 'sessionAdded', at, sessionId: 'session_2', agent: 'demo' }),
];
const givenUp = stepNames.map((step) => after(during(step), failed(step, null)));
const close = (type: 'taskCanceled' | 'taskArchived', states: TaskState[]) =>
  states.map((state) => after(state, { type, at }));

/** The ways there are to be in a status. */
export const statesOf: Record<TaskStatus, TaskState[]> = {
  init_enqueue_provision: [created, ...givenUp.map((state) => after(state, { type: 'taskRetried', at }))],
  init_ensure_name: attemptsAt('ensure_name'),
  init_create_sandbox: attemptsAt('create_sandbox'),
  init_ensure_agent: [
    ...attemptsAt('ensure_agent'),
    after(during('ensure_agent'), failed('ensure_agent', laterMs, 'create_sandbox')),
  ],
  init_create_session: [
    ...attemptsAt('create_session'),
    after(during('create_session'), failed('create_session', laterMs, 'ensure_agent')),
  ],
  running: [running, withSecondSession, startingSecondSession],
  error: givenUp,
  canceled: close('taskCanceled', [created, ...stepNames.map(during), running, ...givenUp]),
  archived: close('taskArchived', [running, startingSecondSession, ...givenUp]),
};
