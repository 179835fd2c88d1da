import { describe, expect, it } from 'vitest';
import { LeaseLostError } from '../../src/tasks/domain/lease.ts';
import { ActiveTasks } from '../../src/worker/active-tasks.ts';

const lease = (epoch: number, taskId = 'task_1') => ({ taskId, epoch });

describe('ActiveTask', () => {
  it('resolves leaseDecided with the lease once the task is leased', async () => {
    const task = new ActiveTasks().start('task_1');
    task.leased(lease(3));
    expect(await task.leaseDecided).toEqual(lease(3));
    expect(task.lease).toEqual(lease(3));
  });

  it('resolves leaseDecided with null when it finishes without a lease', async () => {
    const task = new ActiveTasks().start('task_1');
    task.finish();
    expect(await task.leaseDecided).toBeNull();
    await task.ended;
  });

  it.each([
    ['keeps running when the task has the epoch of its lease', 3, false],
    ['keeps running when the task has a lower epoch', 2, false],
    ['aborts when the task has a higher epoch', 4, true],
  ])('%s', (_name, epoch, aborted) => {
    const tasks = new ActiveTasks();
    const task = tasks.start('task_1');
    task.leased(lease(3));
    tasks.lost('task_1', epoch);
    expect(task.lost.aborted).toBe(aborted);
    if (aborted) expect(task.lost.reason).toBeInstanceOf(LeaseLostError);
  });

  it('keeps running when an epoch is reported before it is leased', () => {
    const tasks = new ActiveTasks();
    const task = tasks.start('task_1');
    tasks.lost('task_1', 9);
    task.leased(lease(10));
    expect(task.lost.aborted).toBe(false);
  });

  it('aborts at once when it is leased under an epoch that is over', () => {
    const tasks = new ActiveTasks();
    const task = tasks.start('task_1');
    tasks.lost('task_1', 10);
    tasks.lost('task_1', 9);
    task.leased(lease(9));
    expect(task.lost.aborted).toBe(true);
  });
});

describe('ActiveTasks', () => {
  it('returns a task until it finishes', () => {
    const tasks = new ActiveTasks();
    const task = tasks.start('task_1');
    expect(tasks.get('task_1')).toBe(task);
    task.finish();
    expect(tasks.get('task_1')).toBeUndefined();
  });

  it('lists the leases of leased tasks only', () => {
    const tasks = new ActiveTasks();
    tasks.start('task_1').leased(lease(3));
    tasks.start('task_2');
    const finished = tasks.start('task_3');
    finished.leased(lease(1, 'task_3'));
    finished.finish();
    expect(tasks.leases()).toEqual([lease(3)]);
  });

  it('ignores an epoch of a task that is not active', () => {
    const tasks = new ActiveTasks();
    const other = tasks.start('task_1');
    other.leased(lease(3));
    tasks.lost('task_2', 9);
    expect(other.lost.aborted).toBe(false);
  });
});

describe('I7 claimCrashSuspectSlot', () => {
  const claims = (...taskIds: string[]) => {
    const tasks = new ActiveTasks();
    for (const id of taskIds) tasks.start(id);
    return tasks;
  };

  it('grants the slot to one suspect at a time', () => {
    const tasks = claims('task_1', 'task_2');
    expect(tasks.claimCrashSuspectSlot('task_1', true)).toBe(true);
    expect(tasks.claimCrashSuspectSlot('task_2', true)).toBe(false);
  });

  it('grants the slot again to the task that has it', () => {
    const tasks = claims('task_1');
    tasks.claimCrashSuspectSlot('task_1', true);
    expect(tasks.claimCrashSuspectSlot('task_1', true)).toBe(true);
  });

  it('grants tasks that are no suspects without the slot', () => {
    const tasks = claims('task_1', 'task_2');
    tasks.claimCrashSuspectSlot('task_1', true);
    expect(tasks.claimCrashSuspectSlot('task_2', false)).toBe(true);
  });

  it('frees the slot when its task is no suspect any more', () => {
    const tasks = claims('task_1', 'task_2');
    tasks.claimCrashSuspectSlot('task_1', true);
    tasks.claimCrashSuspectSlot('task_1', false);
    expect(tasks.claimCrashSuspectSlot('task_2', true)).toBe(true);
  });

  it('frees the slot when its task finishes', () => {
    const tasks = claims('task_1', 'task_2');
    tasks.claimCrashSuspectSlot('task_1', true);
    tasks.get('task_1')?.finish();
    expect(tasks.claimCrashSuspectSlot('task_2', true)).toBe(true);
  });
});
