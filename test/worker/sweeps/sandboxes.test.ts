import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxProvider } from '../../../src/sandbox/provider.ts';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { findTask } from '../../../src/tasks/store/view/task-queries.ts';
import { sweepSandboxes } from '../../../src/worker/sweeps/sandboxes.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { eventsToRunning } from '../../tasks/domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());

/** A running task with a sandbox at `location`. */
async function runningTaskAt(location: string): Promise<string> {
  const created = await tasks.create();
  for (const event of eventsToRunning(created)) {
    await changeTask(tasks.db, created.id, { event, sandboxLocation: location });
  }
  return created.id;
}

const sweepThatSees = (listed: { key: string; cwd: string }[]) =>
  sweepSandboxes({
    db: tasks.db,
    provider: {
      name: 'local',
      listSandboxes: async () => listed.map((each) => ({ ...each, createdAt: new Date() })),
    } as unknown as SandboxProvider,
    location: 'here',
    logger: pino({ level: 'silent' }),
    signal: new AbortController().signal,
  });

describe('sweepSandboxes', () => {
  it('notes once, as a revision, where a sandbox lies after its folder was moved', async () => {
    const id = await runningTaskAt('here');
    const before = await findTask(tasks.view, id);
    const listed = [{ key: sandboxKey(id), cwd: '/moved/checkout' }];
    await sweepThatSees(listed);
    await sweepThatSees(listed);
    const task = await findTask(tasks.view, id);
    expect(task?.revision).toBe(Number(before?.revision) + 1);
    expect(task?.state.sandbox).toEqual({ ...before?.state.sandbox, cwd: '/moved/checkout' });
    expect(
      await tasks.sql('select kind from task_event where task_id = ? order by revision desc limit 1', [id]),
    ).toEqual([{ kind: 'sandbox.moved' }]);
  });

  it('notes nothing of a copy of a sandbox that lies at another location', async () => {
    const id = await runningTaskAt('elsewhere');
    const before = await findTask(tasks.view, id);
    await sweepThatSees([{ key: sandboxKey(id), cwd: '/copy/checkout' }]);
    expect((await findTask(tasks.view, id))?.revision).toBe(before?.revision);
  });
});
