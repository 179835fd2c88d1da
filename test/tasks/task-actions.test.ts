import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import type { NewMachineEvent } from '../../src/tasks/domain/machine-event.ts';
import { type TaskStatus, taskStatuses } from '../../src/tasks/domain/status.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { findTask } from '../../src/tasks/store/view/task-queries.ts';
import { archiveTask, cancelTask, retryTask } from '../../src/tasks/task-actions.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { eventsToRunning, failed, started } from './domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

const current = async (id: string) => (await findTask(tasks.view, id)) as Task;

describe('an action on a stored task', () => {
  const toError: NewMachineEvent[] = [started('ensure_name'), failed('ensure_name', null)];
  const ways: Record<TaskStatus, (task: Task) => NewMachineEvent[]> = {
    init_enqueue_provision: () => [],
    init_ensure_name: () => [started('ensure_name')],
    init_create_sandbox: (task) => eventsToRunning(task).slice(0, 3),
    init_ensure_agent: (task) => eventsToRunning(task).slice(0, 5),
    init_create_session: (task) => eventsToRunning(task).slice(0, 7),
    running: eventsToRunning,
    error: () => toError,
    canceled: () => [{ type: 'taskCanceled' }],
    archived: () => [...toError, { type: 'taskArchived' }],
  };
  const asked = { retry: retryTask, cancel: cancelTask, archive: archiveTask };
  const allowed = {
    retry: ['error'],
    cancel: taskStatuses.filter((s) => s !== 'archived'),
    archive: ['running', 'error', 'archived'],
  };
  const cells = taskStatuses.flatMap((status) =>
    (['retry', 'cancel', 'archive'] as const).map((action) => [action, status] as const),
  );

  it.each(cells)('%s from %s succeeds or is refused as documented', async (action, status) => {
    const task = await tasks.create();
    await tasks.change(task.id, ...ways[status](task));
    const before = await current(task.id);
    expect(before.state.status).toBe(status);
    const done = asked[action](tasks.view, task.id);
    if (!(allowed[action] as string[]).includes(status)) {
      await expect(done).rejects.toMatchObject({ code: 'INVALID_STATE', status });
      expect(await current(task.id)).toEqual(before);
      return;
    }
    const becomes = { retry: 'init_enqueue_provision', cancel: 'canceled', archive: 'archived' }[action];
    expect((await done).state.status).toBe(becomes);
    expect((await current(task.id)).revision).toBe(before.revision + (status === becomes ? 0 : 1));
  });

  it.each(['retry', 'cancel', 'archive'] as const)(
    '%s does not find a task that does not exist',
    async (action) => {
      for (const id of [newId('task'), 'no id', '', newId('project'), '\0', "' or 1=1"]) {
        const done = asked[action](tasks.view, id);
        await expect(done).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
    },
  );

  it('I13 does not find a task of another workspace', async () => {
    const task = await tasks.create();
    const other = newId('workspace');
    for (const action of Object.values(asked)) {
      await expect(action(tasks.viewOf(other), task.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});
