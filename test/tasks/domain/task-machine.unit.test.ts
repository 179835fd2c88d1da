import { describe, expect, it, test } from 'vitest';
import {
  conversationEventKinds,
  type MachineEventType,
  taskEventKinds,
} from '../../../src/tasks/domain/machine-event.ts';
import {
  statusOfStep,
  stepNames,
  type TaskAction,
  type TaskStatus,
  taskActions,
  taskStatuses,
} from '../../../src/tasks/domain/status.ts';
import type { TaskState } from '../../../src/tasks/domain/task.ts';
import { availableActions, type Transition, transition } from '../../../src/tasks/domain/task-machine.ts';
import { currentStep, stepOf } from '../../../src/tasks/domain/task-state.ts';
import { type SeededRandom, seeded } from '../../support/seeded-random.ts';
import {
  after,
  at,
  before,
  created,
  during,
  eventsOfType,
  failed,
  failure,
  later,
  laterMs,
  provisionedSteps,
  started,
  startingSecondSession,
  statesOf,
  succeeded,
} from './machine-states.ts';

type Row = Record<MachineEventType, boolean>;

const none: Row = {
  stepStarted: false,
  stepFailed: false,
  stepInterrupted: false,
  nameSettled: false,
  sandboxCreated: false,
  agentStarted: false,
  sessionOpened: false,
  provisioned: false,
  sessionAdded: false,
  sessionStarted: false,
  sessionFailed: false,
  sessionInterrupted: false,
  conversationChanged: false,
  sessionLost: false,
  taskRetried: false,
  taskCanceled: false,
  taskArchived: false,
  sandboxMoved: false,
  sandboxReleased: false,
};
const attempting: Row = {
  ...none,
  stepStarted: true,
  stepFailed: true,
  stepInterrupted: true,
  sessionAdded: true,
  conversationChanged: true,
  taskCanceled: true,
};

/** What may happen to a task in each status, written down apart from the machine. */
const truthTable: Record<TaskStatus, Row> = {
  init_enqueue_provision: {
    ...none,
    stepStarted: true,
    sessionAdded: true,
    conversationChanged: true,
    taskCanceled: true,
  },
  init_ensure_name: { ...attempting, nameSettled: true },
  init_create_sandbox: { ...attempting, sandboxCreated: true },
  init_ensure_agent: { ...attempting, agentStarted: true },
  init_create_session: { ...attempting, sessionOpened: true, provisioned: true },
  running: {
    ...none,
    sessionAdded: true,
    conversationChanged: true,
    sessionLost: true,
    sessionStarted: true,
    sessionOpened: true,
    sessionFailed: true,
    sessionInterrupted: true,
    sandboxMoved: true,
    taskCanceled: true,
    taskArchived: true,
  },
  error: {
    ...none,
    sessionAdded: true,
    conversationChanged: true,
    sandboxMoved: true,
    taskRetried: true,
    taskCanceled: true,
    taskArchived: true,
  },
  canceled: { ...none, sandboxReleased: true },
  archived: { ...none, sandboxReleased: true },
};

const cells = taskStatuses.flatMap((status) =>
  (Object.keys(truthTable[status]) as MachineEventType[]).map(
    (type) => [status, truthTable[status][type] ? 'accepts' : 'refuses', type] as const,
  ),
);

describe('I2 transition', () => {
  it.each(taskStatuses)('is tested in states with status %s', (status) => {
    expect(statesOf[status].map((state) => state.status)).toEqual(statesOf[status].map(() => status));
  });

  it.each(cells)('%s %s %s', (status, does, type) => {
    const accepted = statesOf[status].flatMap((state) =>
      eventsOfType(type, state).filter((event) => transition(state, event)),
    );
    if (does === 'accepts') expect(accepted).not.toEqual([]);
    else expect(accepted).toEqual([]);
  });
});

test('availableActions follows from the status', () => {
  const actions: Record<TaskStatus, TaskAction[]> = {
    init_enqueue_provision: ['cancel', 'create_session'],
    init_ensure_name: ['cancel', 'create_session'],
    init_create_sandbox: ['cancel', 'create_session'],
    init_ensure_agent: ['cancel', 'create_session'],
    init_create_session: ['cancel', 'create_session'],
    running: ['cancel', 'archive', 'create_session'],
    error: ['retry', 'cancel', 'archive', 'create_session'],
    canceled: [],
    archived: [],
  };
  for (const status of taskStatuses) expect(availableActions(status)).toEqual(actions[status]);
  expect(new Set(Object.values(actions).flat())).toEqual(new Set(taskActions));
});

describe('provisioning', () => {
  it.each(stepNames)('shows the status of %s while that step runs', (step) => {
    expect(during(step).status).toBe(statusOfStep[step]);
    expect(stepOf(during(step), step)).toMatchObject({
      state: 'running',
      attempt: 1,
      startedAt: at,
      deadlineAt: later,
    });
  });

  it.each(stepNames)('starts %s neither twice nor out of order', (step) => {
    expect(transition(during(step), started(step))).toBeNull();
    for (const other of stepNames.filter((name) => name !== step)) {
      expect(transition(before(step), started(other))).toBeNull();
    }
  });

  it.each(stepNames)('keeps the last error of %s when a later attempt succeeds', (step) => {
    const state = after(during(step), failed(step, laterMs), started(step), succeeded[step]);
    expect(stepOf(state, step)).toMatchObject({
      state: 'succeeded',
      attempt: 2,
      failures: 0,
      error: failure(step),
    });
    expect(stepOf(state, step)).toMatchObject({ deadlineAt: null, nextAttemptAt: null });
  });

  it.each(stepNames)('reports the failure in the task when it gives up at %s', (step) => {
    const state = after(during(step), failed(step, null));
    expect(state).toMatchObject({ status: 'error', error: failure(step) });
    expect(stepOf(state, step)).toMatchObject({ state: 'failed', nextAttemptAt: null, deadlineAt: null });
  });

  it.each(stepNames)('continues at %s with new attempts after a retry', (step) => {
    const state = after(during(step), failed(step, null), { type: 'taskRetried', at });
    expect(state).toMatchObject({ status: 'init_enqueue_provision', error: null });
    expect(currentStep(state)).toMatchObject({ name: step, state: 'pending', attempt: 1, failures: 0 });
    expect(transition(state, started(step))?.state.status).toBe(statusOfStep[step]);
  });

  it('uses up no attempt when the worker interrupts a step', () => {
    const state = after(during('create_sandbox'), { type: 'stepInterrupted', at, step: 'create_sandbox' });
    expect(stepOf(state, 'create_sandbox')).toMatchObject({ state: 'pending', failures: 0, error: null });
  });

  it('returns to create_sandbox when the sandbox is gone, and undoes the steps in it', () => {
    const state = after(during('create_session'), failed('create_session', laterMs, 'create_sandbox'));
    expect(state.sandbox).toBeNull();
    expect(state.steps.map((step) => step.state)).toEqual(['succeeded', 'pending', 'pending', 'failed']);
    expect(currentStep(state)?.name).toBe('create_sandbox');
  });

  it('returns to ensure_agent when the agent is gone, and keeps the sandbox', () => {
    const state = after(during('create_session'), failed('create_session', laterMs, 'ensure_agent'));
    expect(state.sandbox).not.toBeNull();
    expect(state.steps.map((step) => step.state)).toEqual(['succeeded', 'succeeded', 'pending', 'failed']);
  });

  it('does not finish before all four steps have succeeded', () => {
    for (const step of stepNames)
      expect(transition(during(step), { type: 'provisioned', at: later })).toBeNull();
    expect(transition(provisionedSteps, { type: 'provisioned', at: later })?.state).toMatchObject({
      status: 'running',
      readyAt: later,
    });
  });
});

describe('sessions', () => {
  const added = { type: 'sessionAdded', at, sessionId: 'session_2', agent: 'codex' } as const;

  it('wait for the task when they are added early', () => {
    const early = after(during('create_sandbox'), added);
    expect(early.sessions[1]).toMatchObject({ status: 'pending_provision', agent: 'codex' });
    const ready = after(
      early,
      succeeded.create_sandbox,
      started('ensure_agent'),
      succeeded.ensure_agent,
      started('create_session'),
      succeeded.create_session,
      { type: 'provisioned', at },
    );
    expect(ready.sessions.map(({ status }) => status)).toEqual(['ready', 'pending_session_create']);
  });

  it('leave the task running when they fail for good', () => {
    const state = after(startingSecondSession, {
      type: 'sessionFailed',
      at,
      sessionId: 'session_2',
      error: failure(null),
      retryMs: null,
    });
    expect(state).toMatchObject({ status: 'running', error: null });
    expect(state.sessions[1]).toMatchObject({ status: 'error', error: failure(null), deadlineAt: null });
  });

  it.each(['taskCanceled', 'taskArchived'] as const)('are closed by %s', (type) => {
    const state = after(startingSecondSession, { type, at });
    expect(state.sessions.map(({ status, deadlineAt }) => [status, deadlineAt])).toEqual([
      ['closed', null],
      ['closed', null],
    ]);
  });
});

describe('I2 a random sequence of events', () => {
  const allTypes = Object.keys(none) as MachineEventType[];

  it(
    'keeps the invariants',
    seeded((random) => {
      for (let sequence = 0; sequence < 200; sequence += 1) applyRandomEvents(random);
    }),
  );

  function applyRandomEvents(random: SeededRandom): void {
    let state = deepFreeze(created);
    for (let count = 0; count < 120; count += 1) {
      // Events that end a task are rare, so that sequences get far.
      const types = random.chance(0.04)
        ? allTypes
        : allTypes.filter((type) => !/Canceled|Archived/.test(type));
      const event = random.pick(eventsOfType(random.pick(types), state));
      const next = transition(state, event);
      expect(next !== null && !truthTable[state.status][event.type], `${state.status} ${event.type}`).toBe(
        false,
      );
      if (!next) continue;
      checkChange(state, next);
      state = deepFreeze(next.state);
      checkState(state);
    }
  }
});

function checkChange(from: TaskState, { state, kind, step, error }: Transition): void {
  expect(taskEventKinds).toContain(kind);
  // Texts of prompts and requests are no part of the state.
  if (!(conversationEventKinds as readonly string[]).includes(kind)) expect(state).not.toEqual(from);
  expect(step === null || stepNames.includes(step)).toBe(true);
  expect(error === null || kind.endsWith('.failed') || kind === 'session.lost').toBe(true);
  expect(state.sessions.slice(0, from.sessions.length).map(({ id }) => id)).toEqual(
    from.sessions.map(({ id }) => id),
  );
  for (const [index, each] of from.sessions.entries()) {
    expect(state.sessions[index]?.attempt).toBeGreaterThanOrEqual(each.attempt);
  }
  for (const each of from.steps)
    expect(stepOf(state, each.name).attempt).toBeGreaterThanOrEqual(each.attempt);
  if (from.readyAt !== null) expect(state.readyAt).toBe(from.readyAt);
  if (from.branchName !== null) expect(state.branchName).not.toBeNull();
  if (from.status === 'canceled' || from.status === 'archived') expect(kind).toBe('sandbox.released');
}

function checkState(state: TaskState): void {
  const { status, steps, sessions } = state;
  const closed = status === 'canceled' || status === 'archived';
  expect(steps.map(({ name }) => name)).toEqual(stepNames);
  expect(state.error !== null).toBe(status === 'error');

  const underWay = steps.filter(({ deadlineAt }) => deadlineAt !== null);
  expect(underWay).toEqual(steps.filter((each) => each.state === 'running'));
  expect(underWay.length).toBeLessThanOrEqual(1);
  for (const { name } of underWay) expect(status).toBe(statusOfStep[name]);

  const current = currentStep(state);
  const done = current ? stepNames.indexOf(current.name) : stepNames.length;
  for (const [index, each] of steps.entries()) {
    if (index < done) expect(each.state).toBe('succeeded');
    if (index > done) expect(['pending', 'failed']).toContain(each.state);
    if (each.nextAttemptAt !== null) expect(each.state).toBe('failed');
    if (each.state !== 'pending') expect(each.attempt).toBeGreaterThan(0);
    if (each.state === 'failed') expect(each.error).not.toBeNull();
  }
  if (!closed) expect(state.sandbox !== null).toBe(done > stepNames.indexOf('create_sandbox'));
  if (done > 0) expect(state.branchName).not.toBeNull();

  for (const session of sessions) {
    expect(session.readyAt !== null || session.status !== 'ready').toBe(true);
    if (session.deadlineAt !== null)
      expect([status, session.status]).toEqual(['running', 'pending_session_create']);
    if (closed) expect(session.status).toBe('closed');
    if (session.status === 'error' && status === 'running') expect(session.error).not.toBeNull();
  }
  if (status === 'running') {
    expect(current).toBeUndefined();
    expect(state.readyAt).not.toBeNull();
    // Ready once. Its agent may have ended for good since.
    expect(sessions[0].readyAt).not.toBeNull();
    expect(['ready', 'error']).toContain(sessions[0].status);
    expect(sessions.map((session) => session.status)).not.toContain('pending_provision');
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) deepFreeze(each);
  }
  return value;
}

test('a task that was given up shows no next attempt', () => {
  const state = after(
    during('create_session'),
    failed('create_session', laterMs, 'ensure_agent'),
    started('ensure_agent'),
    failed('ensure_agent', null),
  );
  expect(state.status).toBe('error');
  expect(state.steps.map(({ nextAttemptAt }) => nextAttemptAt)).toEqual([null, null, null, null]);
});
