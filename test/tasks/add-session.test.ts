import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addSession } from '../../src/tasks/add-session.ts';
import { newId } from '../../src/tasks/domain/id.ts';
import type { NewMachineEvent } from '../../src/tasks/domain/machine-event.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { CreateSessionInput } from '../../src/tasks/input.ts';
import { readSessionPrompt } from '../../src/tasks/store/session-prompts.ts';
import { findTask } from '../../src/tasks/store/view/task-queries.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { eventsToRunning, failed, started } from './domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

const create = (input: CreateSessionInput) => addSession(tasks.view, input);
const current = async (id: string) => (await findTask(tasks.view, id)) as Task;
const jobsOf = (task: Task) =>
  tasks.sql('select * from graphile_worker.jobs where key = ?', [`provision:${task.id}`]);
const endJobs = () => tasks.sql('delete from graphile_worker._private_jobs');

const toError: NewMachineEvent[] = [started('ensure_name'), failed('ensure_name', null)];

describe('createSession', () => {
  it('stores a session with its prompt that waits for its task', async () => {
    const task = await tasks.create();
    const session = await create({ taskId: task.id, agent: 'codex', prompt: 'And now this' });
    expect(session).toMatchObject({ agent: 'codex', status: 'pending_provision', task: { revision: 2 } });
    expect(await readSessionPrompt(tasks.db, session.id)).toBe('And now this');
    expect((await current(task.id)).state.sessions.map(({ id }) => id)).toEqual([
      task.state.sessions[0].id,
      session.id,
    ]);
  });

  it("uses the task's agent and no prompt by default", async () => {
    const task = await tasks.create({ agent: 'claude' });
    const session = await create({ taskId: task.id });
    expect(session.agent).toBe('claude');
    expect(await readSessionPrompt(tasks.db, session.id)).toBe('');
  });

  it('queues a job for a running task, and none for a task in error', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, ...eventsToRunning(task));
    await endJobs();
    expect(await create({ taskId: task.id })).toMatchObject({ status: 'pending_session_create' });
    expect(await jobsOf(task)).toHaveLength(1);

    const broken = await tasks.create();
    await tasks.change(broken.id, ...toError);
    await endJobs();
    expect(await create({ taskId: broken.id })).toMatchObject({ status: 'pending_provision' });
    expect(await jobsOf(broken)).toHaveLength(0);
  });

  it.each(['taskCanceled', 'taskArchived'] as const)('is refused after %s', async (type) => {
    const task = await tasks.create();
    await tasks.change(task.id, ...toError, { type });
    const status = type === 'taskCanceled' ? 'canceled' : 'archived';
    await expect(create({ taskId: task.id })).rejects.toMatchObject({ code: 'INVALID_STATE', status });
  });

  it.each<[keyof CreateSessionInput, string, string]>([
    ['taskId', 'no id', 'NOT_FOUND'],
    ['taskId', '', 'NOT_FOUND'],
    ['taskId', newId('task'), 'NOT_FOUND'],
    ['taskId', newId('session'), 'NOT_FOUND'],
    ['taskId', 'task_\0', 'NOT_FOUND'],
    ['agent', '', 'BAD_USER_INPUT'],
    ['agent', 'a/b', 'BAD_USER_INPUT'],
    ['prompt', '', 'BAD_USER_INPUT'],
    ['prompt', 'a\0b', 'BAD_USER_INPUT'],
    ['prompt', 'a\ud800b', 'BAD_USER_INPUT'],
    ['prompt', 'x'.repeat(100_001), 'BAD_USER_INPUT'],
    ['idempotencyKey', '', 'BAD_USER_INPUT'],
  ])('refuses a wrong %s: %.40j', async (field, value, code) => {
    const task = await tasks.create();
    await expect(create({ taskId: task.id, [field]: value })).rejects.toMatchObject({ code, field });
    expect((await current(task.id)).revision).toBe(1);
  });

  it('accepts a hundred sessions and refuses one more', async () => {
    const task = await tasks.create();
    for (let count = 1; count < 100; count += 1) await create({ taskId: task.id });
    await expect(create({ taskId: task.id })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    expect((await current(task.id)).revision).toBe(100);
  });

  it('I1 adds each of many concurrent sessions and leaves no gap in the revisions', async () => {
    const task = await tasks.create();
    const made = await Promise.all(Array.from({ length: 15 }, () => create({ taskId: task.id })));
    const { revision, state } = await current(task.id);
    expect(revision).toBe(16);
    expect(new Set(state.sessions.slice(1).map(({ id }) => id))).toEqual(new Set(made.map(({ id }) => id)));
  });
});

describe('I10 an idempotency key', () => {
  it('makes one session for fifty concurrent calls and returns it to all', async () => {
    const task = await tasks.create();
    const input = { taskId: task.id, prompt: 'Once', idempotencyKey: newId('event') };
    const made = await Promise.all(Array.from({ length: 50 }, () => create(input)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const { revision, state } = await current(task.id);
    expect([revision, state.sessions.length]).toEqual([2, 2]);
    expect(await tasks.sql('select * from session where task_id = ?', [task.id])).toHaveLength(2);
  });

  it('returns the same session while others change the task', async () => {
    const task = await tasks.create();
    const input = { taskId: task.id, idempotencyKey: newId('event') };
    const calls = Array.from({ length: 10 }, () => [create(input), create({ taskId: task.id })] as const);
    const same = await Promise.all(calls.map(([each]) => each));
    await Promise.all(calls.flat());
    expect(new Set(same.map(({ id }) => id)).size).toBe(1);
    expect((await current(task.id)).revision).toBe(12);
  });

  it('conflicts when it was used with another input or by another operation', async () => {
    const key = newId('event');
    const task = await tasks.create({ idempotencyKey: key });
    const conflict = { code: 'IDEMPOTENCY_CONFLICT', field: 'idempotencyKey' };
    await expect(create({ taskId: task.id, idempotencyKey: key })).rejects.toMatchObject(conflict);
    const own = newId('event');
    await create({ taskId: task.id, idempotencyKey: own });
    const other = create({ taskId: task.id, prompt: 'Another', idempotencyKey: own });
    await expect(other).rejects.toMatchObject(conflict);
    await expect(tasks.create({ idempotencyKey: own })).rejects.toMatchObject(conflict);
    expect((await current(task.id)).revision).toBe(2);
  });

  it('returns its session although the task accepts no more', async () => {
    const task = await tasks.create();
    const input = { taskId: task.id, idempotencyKey: newId('event') };
    const session = await create(input);
    await tasks.change(task.id, { type: 'taskCanceled' });
    expect(await create(input)).toMatchObject({ id: session.id, status: 'closed' });
  });
});
