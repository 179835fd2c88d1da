import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addSession } from '../../../src/tasks/add-session.ts';
import { sandboxKey, sessionKey } from '../../../src/tasks/domain/external-keys.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import type { CreateSessionInput } from '../../../src/tasks/input.ts';
import { cancelTask, retryTask } from '../../../src/tasks/task-actions.ts';
import { waitsFor } from '../../support/scripted-provider.ts';
import { fails, hangs, startWorkerHarness, type WorkerHarness } from '../worker-harness.ts';

let harness: WorkerHarness;
beforeAll(async () => {
  harness = await startWorkerHarness();
});
afterEach(() => harness.provider.reset());
afterAll(() => harness[Symbol.asyncDispose]());

const add = (input: CreateSessionInput) => addSession(harness.stored.view, input);
const sessionOf = (task: Task, id: string) => task.state.sessions.find((session) => session.id === id);
const is = (id: string, status: string) => (task: Task) => sessionOf(task, id)?.status === status;
async function runningTask(): Promise<Task> {
  const { id } = await harness.create();
  return harness.until(id, 'running');
}

describe('a session that was added later', () => {
  it('is opened with its own agent and prompt when the task is RUNNING', async () => {
    const task = await runningTask();
    const session = await add({ taskId: task.id, agent: 'codex', prompt: 'And this' });
    expect(session.status).toBe('pending_session_create');
    const ready = await harness.until(task.id, is(session.id, 'ready'));
    expect(ready.state.status).toBe('running');
    expect(sessionOf(ready, session.id)?.readyAt).toBe(ready.updatedAt);
    expect(harness.provider.sessions.get(sessionKey(session.id))?.request).toEqual({
      key: sessionKey(session.id),
      agent: 'codex',
      prompt: 'And this',
    });
    expect(harness.provider.agents.has(`${sandboxKey(task.id)}/codex`)).toBe(true);
  });

  it('is opened after provisioning when it was added during provisioning', async () => {
    const gate = Promise.withResolvers<void>();
    harness.provider.on('createSandbox', waitsFor(gate.promise));
    const { id } = await harness.create();
    await harness.provider.waitForCall('createSandbox', { key: sandboxKey(id) });
    const session = await add({ taskId: id });
    expect(session.status).toBe('pending_provision');
    gate.resolve();
    const task = await harness.until(id, is(session.id, 'ready'));
    expect(task.state.sessions.map(({ status }) => status)).toEqual(['ready', 'ready']);
    expect(task.state.readyAt).not.toBeNull();
  });

  it('is opened after a retry when it was added to a task in ERROR', async () => {
    harness.provider.on('ensureAgent', fails({ retryable: false }), { times: 1 });
    const { id } = await harness.create();
    await harness.until(id, 'error');
    const session = await add({ taskId: id });
    expect(session.status).toBe('pending_provision');
    await retryTask(harness.stored.view, id);
    await harness.until(id, is(session.id, 'ready'));
  });

  it('is attempted again after a failure, and opened once', async () => {
    const task = await runningTask();
    harness.provider.on('createSession', fails({ message: 'busy' }), { times: 2 });
    const session = await add({ taskId: task.id });
    const ready = await harness.until(task.id, is(session.id, 'ready'));
    expect(sessionOf(ready, session.id)).toMatchObject({ attempt: 3, error: null });
    expect(harness.provider.timesMade('session', sessionKey(session.id))).toBe(1);
  });

  it('fails without its task when no attempts are left', async () => {
    const task = await runningTask();
    harness.provider.on('createSession', fails({ code: 'NO_MODEL', message: 'no model' }));
    const session = await add({ taskId: task.id });
    const failed = await harness.until(task.id, is(session.id, 'error'));
    expect(failed.state).toMatchObject({ status: 'running', error: null });
    expect(sessionOf(failed, session.id)).toMatchObject({
      attempt: 3,
      error: { code: 'NO_MODEL', message: 'no model', step: null, retryable: true },
    });
    harness.provider.reset();
    const another = await add({ taskId: task.id });
    await harness.until(task.id, is(another.id, 'ready'));
  });

  it('fails at once when its failure is not retryable', async () => {
    const task = await runningTask();
    const rule = harness.provider.on('createSession', fails({ retryable: false }));
    const session = await add({ taskId: task.id });
    await harness.until(task.id, is(session.id, 'error'));
    expect(rule.calls).toHaveLength(1);
  });

  it('has its agent started again when the agent is gone', async () => {
    const task = await runningTask();
    harness.provider.lose('agent', sandboxKey(task.id));
    const session = await add({ taskId: task.id });
    await harness.until(task.id, is(session.id, 'ready'));
    expect(harness.provider.timesMade('agent', `${sandboxKey(task.id)}/demo`)).toBe(2);
  });

  it('is closed, and its call aborted, when the task is canceled while it is opened', async () => {
    const task = await runningTask();
    harness.provider.on('createSession', hangs());
    const session = await add({ taskId: task.id });
    const call = await harness.provider.waitForCall('createSession', { key: sessionKey(session.id) });
    await cancelTask(harness.stored.view, task.id);
    await call.aborted;
    await harness.released(task.id);
    expect(sessionOf(await harness.find(task.id), session.id)).toMatchObject({ status: 'closed' });
  });

  it('is opened once when ten are added at the same moment', async () => {
    const task = await runningTask();
    const made = await Promise.all(Array.from({ length: 10 }, () => add({ taskId: task.id })));
    const ready = await harness.until(task.id, ({ state }) =>
      state.sessions.every(({ status }) => status === 'ready'),
    );
    expect(ready.state.sessions).toHaveLength(11);
    for (const { id } of made) expect(harness.provider.timesMade('session', sessionKey(id))).toBe(1);
  });

  it('is opened by the next worker when the first stops while opening it', async () => {
    const task = await runningTask();
    harness.provider.on('createSession', hangs(), { times: 1 });
    const session = await add({ taskId: task.id });
    await harness.provider.waitForCall('createSession', { key: sessionKey(session.id) });
    await harness.stopWorker();
    expect(sessionOf(await harness.find(task.id), session.id)).toMatchObject({
      status: 'pending_session_create',
      failures: 0,
      deadlineAt: null,
    });
    await harness.startWorker();
    await harness.until(task.id, is(session.id, 'ready'));
  });
});
