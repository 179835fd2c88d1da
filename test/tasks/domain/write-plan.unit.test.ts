import { describe, expect, it } from 'vitest';
import type { MachineEvent, MachineEventType } from '../../../src/tasks/domain/machine-event.ts';
import type { TaskState } from '../../../src/tasks/domain/task.ts';
import { transition } from '../../../src/tasks/domain/task-machine.ts';
import { planWrite, type WritePlan } from '../../../src/tasks/domain/write-plan.ts';
import {
  after,
  at,
  before,
  created,
  during,
  failed,
  failure,
  laterMs,
  provisionedSteps,
  running,
  started,
  startingSecondSession,
  succeeded,
  withSecondSession,
} from './machine-states.ts';

interface Row {
  readonly when: string;
  readonly from: TaskState;
  readonly event: MachineEvent;
  readonly by: 'worker' | 'outside';
  readonly plan: Partial<WritePlan>;
}

const nothing: WritePlan = {
  wakeInMs: null,
  job: null,
  releasesLease: false,
  revokesLease: false,
  sandbox: null,
  prompts: null,
  addsSession: null,
};
const continues = { wakeInMs: 0 };
const rests = { wakeInMs: null, releasesLease: true };
const handsOver = { wakeInMs: 0, job: { runInMs: 'first' }, releasesLease: true } as const;
const waits = { wakeInMs: laterMs, job: { runInMs: laterMs }, releasesLease: true };
const closes = {
  revokesLease: true,
  sandbox: 'release',
  prompts: { sessionIds: ['session_1'], outcome: 'fail' },
} as const;
const inError = after(during('create_sandbox'), failed('create_sandbox', null));
const waiting = after(during('create_sandbox'), failed('create_sandbox', laterMs));
const second = { at, sessionId: 'session_2' };

/** Each type of event at least once: the compiler asks for the rows of a new one. */
const table = {
  stepStarted: [
    { when: 'a step starts', from: created, event: started('ensure_name'), by: 'worker', plan: continues },
    {
      when: 'the sandbox is about to be made',
      from: before('create_sandbox'),
      event: started('create_sandbox'),
      by: 'worker',
      plan: { ...continues, sandbox: 'request' },
    },
  ],
  stepFailed: [
    {
      when: 'a step is attempted again later',
      from: during('ensure_agent'),
      event: failed('ensure_agent', laterMs),
      by: 'worker',
      plan: waits,
    },
    {
      when: 'a step is attempted again now',
      from: during('ensure_agent'),
      event: failed('ensure_agent', 0),
      by: 'worker',
      plan: continues,
    },
    {
      when: 'a step is given up',
      from: during('ensure_agent'),
      event: failed('ensure_agent', null),
      by: 'worker',
      plan: rests,
    },
  ],
  stepInterrupted: [
    {
      when: 'the worker stops in the middle of a step',
      from: during('ensure_name'),
      event: { type: 'stepInterrupted', at, step: 'ensure_name' },
      by: 'worker',
      plan: handsOver,
    },
  ],
  nameSettled: [
    {
      when: 'the name is settled',
      from: during('ensure_name'),
      event: succeeded.ensure_name,
      by: 'worker',
      plan: continues,
    },
  ],
  sandboxCreated: [
    {
      when: 'the sandbox is made',
      from: during('create_sandbox'),
      event: succeeded.create_sandbox,
      by: 'worker',
      plan: continues,
    },
  ],
  agentStarted: [
    {
      when: 'the agent is started',
      from: during('ensure_agent'),
      event: succeeded.ensure_agent,
      by: 'worker',
      plan: continues,
    },
  ],
  sessionOpened: [
    {
      when: 'the first session is opened',
      from: during('create_session'),
      event: succeeded.create_session,
      by: 'worker',
      plan: continues,
    },
    {
      when: 'the last pending session is opened',
      from: startingSecondSession,
      event: { type: 'sessionOpened', ...second },
      by: 'worker',
      plan: { ...rests, prompts: { sessionIds: ['session_2'], outcome: 'handedOver' } },
    },
  ],
  provisioned: [
    {
      when: 'nothing is left to do',
      from: provisionedSteps,
      event: { type: 'provisioned', at },
      by: 'worker',
      plan: rests,
    },
  ],
  sessionAdded: [
    {
      when: 'a session is added to a running task',
      from: running,
      event: { type: 'sessionAdded', ...second, agent: 'demo' },
      by: 'outside',
      plan: { wakeInMs: 0, job: { runInMs: 0 }, addsSession: 'session_2' },
    },
    {
      when: 'a session is added while a step runs',
      from: during('ensure_agent'),
      event: { type: 'sessionAdded', ...second, agent: 'demo' },
      by: 'outside',
      plan: { wakeInMs: 0, addsSession: 'session_2' },
    },
    {
      when: 'a session is added while a step waits',
      from: waiting,
      event: { type: 'sessionAdded', ...second, agent: 'demo' },
      by: 'outside',
      plan: { wakeInMs: laterMs, addsSession: 'session_2' },
    },
    {
      when: 'a session is added to a task in error',
      from: inError,
      event: { type: 'sessionAdded', ...second, agent: 'demo' },
      by: 'outside',
      plan: { addsSession: 'session_2' },
    },
  ],
  sessionStarted: [
    {
      when: 'a session is being opened',
      from: withSecondSession,
      event: { type: 'sessionStarted', ...second, timeoutMs: laterMs },
      by: 'worker',
      plan: continues,
    },
  ],
  sessionFailed: [
    {
      when: 'a session is attempted again later',
      from: startingSecondSession,
      event: { type: 'sessionFailed', ...second, error: failure(null), retryMs: laterMs },
      by: 'worker',
      plan: waits,
    },
    {
      when: 'a session is given up',
      from: startingSecondSession,
      event: { type: 'sessionFailed', ...second, error: failure(null), retryMs: null },
      by: 'worker',
      plan: { ...rests, prompts: { sessionIds: ['session_2'], outcome: 'fail' } },
    },
  ],
  sessionInterrupted: [
    {
      when: 'the worker stops while a session is opened',
      from: startingSecondSession,
      event: { type: 'sessionInterrupted', ...second },
      by: 'worker',
      plan: handsOver,
    },
  ],
  taskRetried: [
    {
      when: 'a task is retried',
      from: inError,
      event: { type: 'taskRetried', at },
      by: 'outside',
      plan: {
        wakeInMs: 0,
        job: { runInMs: 0 },
        prompts: { sessionIds: ['session_1'], outcome: 'retry' },
      },
    },
  ],
  taskCanceled: [
    {
      when: 'a task is canceled in the middle of a step',
      from: during('create_sandbox'),
      event: { type: 'taskCanceled', at },
      by: 'outside',
      plan: closes,
    },
  ],
  taskArchived: [
    {
      when: 'a task is archived',
      from: running,
      event: { type: 'taskArchived', at },
      by: 'outside',
      plan: closes,
    },
  ],
  conversationChanged: [
    {
      when: 'a prompt is queued',
      from: running,
      event: { type: 'conversationChanged', at, sessionId: 'session_1', kind: 'prompt.queued' },
      by: 'outside',
      plan: {},
    },
  ],
  sessionLost: [
    {
      when: 'the agent of a session is gone',
      from: running,
      event: { type: 'sessionLost', at, sessionId: 'session_1', error: failure(null) },
      by: 'outside',
      plan: { prompts: { sessionIds: ['session_1'], outcome: 'fail' } },
    },
  ],
  sandboxMoved: [
    {
      when: 'the sandbox was moved',
      from: running,
      event: { type: 'sandboxMoved', at, cwd: '/moved/checkout' },
      by: 'outside',
      plan: {},
    },
  ],
  sandboxReleased: [
    {
      when: 'the sandbox of a closed task is gone',
      from: after(running, { type: 'taskCanceled', at }),
      event: { type: 'sandboxReleased', at },
      by: 'outside',
      plan: {},
    },
  ],
} as const satisfies Record<MachineEventType, readonly Row[]>;

describe('I2 planWrite', () => {
  const rows: readonly Row[] = Object.values(table).flat();
  it.each(rows.map((row) => [row.when, row] as const))(
    'says what is written besides the state when %s',
    (_when, row) => {
      const next = transition(row.from, row.event);
      if (!next) throw new Error(`${row.event.type} is refused in ${row.from.status}`);
      expect(planWrite(next.state, row.event, row.by === 'worker')).toEqual({ ...nothing, ...row.plan });
    },
  );
});
