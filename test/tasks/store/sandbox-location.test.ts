import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { requeueRelease, takeOverSandboxes } from '../../../src/tasks/store/sandbox-ledger.ts';
import { leaseTask, releaseTask, requeueTasks } from '../../../src/tasks/store/task-leases.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { started, succeeded } from '../domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
  await tasks.addWorker('worker');
});
afterAll(() => tasks[Symbol.asyncDispose]());

/** A task whose sandbox is being made at `location`. */
async function taskAt(location: string | null): Promise<Task> {
  const task = await tasks.create();
  await tasks.change(task.id, started('ensure_name'), succeeded.ensure_name);
  await changeTask(tasks.db, task.id, { event: started('create_sandbox'), sandboxLocation: location });
  return task;
}

async function jobNames({ id }: Task): Promise<string[]> {
  const keys = [`provision:${id}`, `release:${sandboxKey(id)}`];
  const rows = await tasks.sql<{ task_identifier: string }>(
    'select task_identifier from graphile_worker.jobs where key in (?, ?)',
    keys,
  );
  return rows.map((row) => row.task_identifier).sort();
}

/** Releases the lease as a worker does that cannot go on. */
async function lease(task: Task) {
  const leased = await leaseTask(tasks.db, task.id, 'worker');
  if (!leased) throw new Error('The task cannot be leased.');
  return leased;
}

describe('the job of a task', () => {
  it('is for any worker before the task has a sandbox', async () => {
    expect(await jobNames(await tasks.create())).toEqual(['provisionTask']);
  });

  it('is for the workers at the location of its sandbox', async () => {
    const task = await taskAt('here');
    const leased = await lease(task);
    expect(leased.sandboxLocation).toBe('here');
    await releaseTask(tasks.db, leased.lease, leased.task.revision, 0);
    expect(await jobNames(task)).toEqual(['provisionTask:here']);
  });

  it('is for any worker when every worker reaches its sandbox', async () => {
    const task = await taskAt(null);
    const leased = await lease(task);
    expect(leased.sandboxLocation).toBeNull();
    await releaseTask(tasks.db, leased.lease, leased.task.revision, 0);
    expect(await jobNames(task)).toEqual(['provisionTask']);
  });

  it('is for any worker after its own worker has died, so that the failure is recorded', async () => {
    const task = await taskAt('here');
    await requeueTasks(tasks.db, [task.id]);
    expect(await jobNames(task)).toEqual(['provisionTask']);
  });
});

describe('the job that releases a sandbox', () => {
  it('is for the workers at its location', async () => {
    const task = await taskAt('here');
    await tasks.change(task.id, { type: 'taskCanceled' });
    expect(await jobNames(task)).toContain('releaseSandbox:here');
  });
});

describe('requeueRelease', () => {
  it('leaves a sandbox alone that was seen at another location than its own', async () => {
    const task = await taskAt('here');
    await tasks.change(task.id, { type: 'taskCanceled' });
    const key = sandboxKey(task.id);
    await tasks.sql(`update sandbox set state = 'released' where key = ?`, [key]);
    expect(await requeueRelease(tasks.db, [key], 'there')).toEqual([]);
    expect(await requeueRelease(tasks.db, [key], null)).toEqual([]);
    expect(await requeueRelease(tasks.db, [key], 'here')).toEqual([key]);
  });
});

describe('takeOverSandboxes', () => {
  it('moves the sandboxes of the provider, with their jobs, to the new location', async () => {
    const waiting = await taskAt('here');
    const { lease: held, task } = await lease(waiting);
    await releaseTask(tasks.db, held, task.revision, 0);
    const canceled = await taskAt('here');
    await tasks.change(canceled.id, { type: 'taskCanceled' });

    await takeOverSandboxes(tasks.db, 'other', 'there');
    expect(await jobNames(waiting)).toEqual(['provisionTask:here']);
    await takeOverSandboxes(tasks.db, 'local', 'there');
    expect(await jobNames(waiting)).toEqual(['provisionTask:there']);
    expect(await jobNames(canceled)).toContain('releaseSandbox:there');
  });
});
