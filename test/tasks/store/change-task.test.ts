import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import { newId } from '../../../src/tasks/domain/id.ts';
import { LeaseLostError } from '../../../src/tasks/domain/lease.ts';
import type { NewMachineEvent } from '../../../src/tasks/domain/machine-event.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { changeTask, readTask } from '../../../src/tasks/store/change-task.ts';
import { findTask } from '../../../src/tasks/store/view/task-queries.ts';
import { parseWakeUps, taskChannel } from '../../../src/tasks/store/wake-up.ts';
import { cancelTask, retryTask } from '../../../src/tasks/task-actions.ts';
import { MessageQueue } from '../../support/message-queue.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { eventsToRunning, failed, failure, laterMs, started, succeeded } from '../domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
  await tasks.addWorker('worker a');
  await tasks.addWorker('worker b');
});
afterAll(() => tasks[Symbol.asyncDispose]());

const current = async (id: string) => (await findTask(tasks.view, id)) as Task;
const jobsOf = ({ id }: Task) =>
  tasks.sql<{ key: string; run_at: string; task_identifier: string }>(
    'select * from graphile_worker.jobs where key in (?, ?) order by key',
    [`provision:${id}`, `release:${sandboxKey(id)}`],
  );
const added = (count: number): NewMachineEvent => ({
  type: 'sessionAdded',
  sessionId: newId('session'),
  agent: `agent-${count}`,
});

async function expectGapless(task: Task): Promise<void> {
  const events = await tasks.sql<{ revision: number }>(
    'select revision from task_event where task_id = ? order by revision',
    [task.id],
  );
  const { revision } = await current(task.id);
  expect(events.map((event) => event.revision)).toEqual(
    Array.from({ length: revision }, (_, index) => index + 1),
  );
  const [row] = await tasks.sql(
    `select t.state = e.state as state, t.status = e.status as status, t.updated_at = e.at as at
     from task t join task_event e on e.task_id = t.id and e.revision = t.revision where t.id = ?`,
    [task.id],
  );
  expect(row).toEqual({ state: true, status: true, at: true });
}

describe('changeTask', () => {
  it('stores no event under an earlier time than the one before it', async () => {
    const task = await tasks.create();
    await tasks.sql(`update task set updated_at = now() + interval '1 hour' where id = ?`, [task.id]);
    const { updatedAt } = await current(task.id);
    const running = await tasks.change(task.id, started('ensure_name'));
    expect(running.updatedAt).toBe(updatedAt);
    expect(running.state.steps[0].startedAt).toBe(updatedAt);
    expect(Date.parse(running.state.steps[0].deadlineAt ?? '')).toBe(Date.parse(updatedAt) + laterMs);
    await expectGapless(task);
  });

  it('writes one revision to the row and to its event', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, started('ensure_name'), failed('ensure_name', laterMs));
    const events = await tasks.sql('select * from task_event where task_id = ? order by revision', [task.id]);
    expect(events).toMatchObject([
      { revision: 1, kind: 'task.created', status: 'init_enqueue_provision', step: null },
      { revision: 2, kind: 'task.status_changed', status: 'init_ensure_name', step: 'ensure_name' },
      { revision: 3, kind: 'step.failed', step: 'ensure_name', error: failure('ensure_name') },
    ]);
    await expectGapless(task);
  });

  it('writes nothing when the state refuses the event', async () => {
    const task = await tasks.create();
    const changed = await changeTask(tasks.db, task.id, { event: succeeded.ensure_agent });
    expect(changed).toEqual({ outcome: 'refused', task });
    expect(await current(task.id)).toEqual(task);
  });

  it('returns null for a task that does not exist', async () => {
    expect(await changeTask(tasks.db, newId('task'), { event: started('ensure_name') })).toBeNull();
  });

  it('I1 writes each of forty concurrent changes once and leaves no gap', async () => {
    const task = await tasks.create();
    const events = Array.from({ length: 40 }, (_, index) => added(index));
    const changed = await Promise.all(events.map((event) => changeTask(tasks.db, task.id, { event })));
    expect(changed.map((each) => each?.outcome)).toEqual(events.map(() => 'changed'));
    const revisions = changed.map((each) => each?.task.revision ?? 0).sort((a, b) => a - b);
    expect(revisions).toEqual(Array.from({ length: 40 }, (_, index) => index + 2));
    const { state } = await current(task.id);
    expect(new Set(state.sessions.slice(1).map(({ agent }) => agent)).size).toBe(40);
    await expectGapless(task);
  });

  it('repeats a change that was made on an outdated reading', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, added(1));
    const changed = await changeTask(tasks.db, task.id, { event: added(2) }, task);
    expect(changed).toMatchObject({ outcome: 'changed', task: { revision: 3 } });
    expect((await current(task.id)).state.sessions).toHaveLength(3);
  });

  it('notifies the channel with revision and epoch once it is committed', async () => {
    const client = new Client({ connectionString: tasks.url });
    await client.connect();
    onTestFinished(() => client.end());
    const heard = new MessageQueue<unknown>();
    client.on('notification', ({ payload }) =>
      parseWakeUps(payload ?? '').forEach((wakeUp) => void heard.push(wakeUp)),
    );
    await client.query(`listen ${taskChannel}`);
    const task = await tasks.create();
    const place = { taskId: task.id, workspaceId: tasks.workspace.id, projectId: task.project.id };
    expect(await heard.next()).toEqual({ ...place, revision: 1, epoch: 0 });
    await tasks.change(task.id, started('ensure_name'), { type: 'taskCanceled' });
    expect(await heard.next()).toEqual({ ...place, revision: 2, epoch: 0 });
    expect(await heard.next()).toEqual({ ...place, revision: 3, epoch: 1 });
  });

  it('ignores a wake-up that Groundcrew has not sent', () => {
    for (const payload of ['', 'x', 'task 1 2', 'a b c d', 'task x 1 w p', 'task 1 x w p'])
      expect(parseWakeUps(payload)).toEqual([]);
  });
});

describe('I4 a worker that has lost its lease', () => {
  const events: NewMachineEvent[] = [
    started('ensure_name'),
    failed('ensure_name', laterMs),
    succeeded.ensure_name,
    { type: 'stepInterrupted', step: 'ensure_name' },
  ];

  it.each(['to another worker', 'to a cancel', 'to a rescue'])(
    'writes nothing after it lost the lease %s',
    async (how) => {
      const task = await tasks.create();
      const lease = await tasks.lease(task.id, 'worker a');
      await changeTask(tasks.db, task.id, { event: started('ensure_name'), lease });
      if (how === 'to a cancel') await cancelTask(tasks.view, task.id);
      else await tasks.sql('update task set leased_by = null, epoch = epoch + 1 where id = ?', [task.id]);
      if (how === 'to another worker') await tasks.lease(task.id, 'worker b');
      const before = await current(task.id);
      for (const event of events) {
        const late = changeTask(tasks.db, task.id, { event, lease }, { ...before });
        const refused = await late.then(
          (changed) => changed?.outcome,
          (error) => error,
        );
        expect(refused === 'refused' || refused instanceof LeaseLostError).toBe(true);
        await expect(changeTask(tasks.db, task.id, { event, lease })).rejects.toThrow(LeaseLostError);
      }
      await expect(readTask(tasks.db, task.id, lease)).rejects.toThrow(LeaseLostError);
      expect(await current(task.id)).toEqual(before);
      await expectGapless(task);
    },
  );

  it('keeps its epoch over changes from outside', async () => {
    const task = await tasks.create();
    const lease = await tasks.lease(task.id, 'worker a');
    await tasks.change(task.id, added(1));
    const changed = await changeTask(tasks.db, task.id, { event: started('ensure_name'), lease }, task);
    expect(changed).toMatchObject({ outcome: 'changed', leaseReleased: false, task: { revision: 3 } });
    expect((await current(task.id)).state.sessions).toHaveLength(2);
  });
});

describe('the write of a change', () => {
  it('adds no job for its own worker until the task waits', async () => {
    const task = await tasks.create();
    await tasks.sql('delete from graphile_worker._private_jobs');
    const lease = await tasks.lease(task.id, 'worker a');
    await changeTask(tasks.db, task.id, { event: started('ensure_name'), lease });
    expect(await jobsOf(task)).toEqual([]);
    const changed = await changeTask(tasks.db, task.id, { event: failed('ensure_name', laterMs), lease });
    expect(changed).toMatchObject({ leaseReleased: true });
    expect(await jobsOf(task)).toHaveLength(1);
    const rows = await tasks.sql(
      `select leased_by, wake_at = run_at::timestamptz(3) as same,
         run_at - now() between interval '50 seconds' and interval '60 seconds' as soon
       from task, graphile_worker.jobs where task.id = ?`,
      [task.id],
    );
    expect(rows).toEqual([{ leased_by: null, same: true, soon: true }]);
  });

  it('I5 puts the sandbox into the ledger before it is made, and releases it when the task closes', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, started('ensure_name'), succeeded.ensure_name);
    const ledger = () => tasks.sql('select key, provider, state from sandbox where task_id = ?', [task.id]);
    expect(await ledger()).toEqual([]);
    await tasks.change(task.id, started('create_sandbox'));
    const row = { key: sandboxKey(task.id), provider: 'local' };
    expect(await ledger()).toEqual([{ ...row, state: 'requested' }]);
    await cancelTask(tasks.view, task.id);
    expect(await ledger()).toEqual([{ ...row, state: 'releasing' }]);
    expect((await jobsOf(task)).map((job) => job.task_identifier)).toContain('releaseSandbox');
  });

  it('releases no sandbox when none was requested', async () => {
    const task = await tasks.create();
    await cancelTask(tasks.view, task.id);
    expect((await jobsOf(task)).map((job) => job.task_identifier)).not.toContain('releaseSandbox');
  });

  it('adds a job at once for a retry', async () => {
    const task = await tasks.create();
    await tasks.change(task.id, started('ensure_name'), failed('ensure_name', null));
    await tasks.sql('delete from graphile_worker._private_jobs');
    const retried = await retryTask(tasks.view, task.id);
    expect(retried.state.status).toBe('init_enqueue_provision');
    expect(await jobsOf(task)).toHaveLength(1);
  });
});

describe('a concurrent cancel and completion', () => {
  it('have one outcome and one event', async () => {
    for (let round = 0; round < 25; round += 1) {
      const task = await tasks.create();
      const events = eventsToRunning(task);
      const last = events.pop() as NewMachineEvent;
      await tasks.sql('update task set leased_by = ? where id = ?', ['worker a', task.id]);
      await tasks.change(task.id, ...events);
      const [{ epoch }] = (await tasks.sql<{ epoch: number }>('select epoch from task where id = ?', [
        task.id,
      ])) as [{ epoch: number }];
      const [completed, canceled] = await Promise.allSettled([
        changeTask(tasks.db, task.id, { event: last, lease: { taskId: task.id, epoch } }),
        cancelTask(tasks.view, task.id),
      ]);
      const { state } = await current(task.id);
      expect(canceled).toMatchObject({ status: 'fulfilled', value: { state: { status: 'canceled' } } });
      expect(state.status).toBe('canceled');
      const won = completed.status === 'fulfilled' && completed.value?.outcome === 'changed';
      expect(state.readyAt !== null).toBe(won);
      if (completed.status === 'rejected') expect(completed.reason).toBeInstanceOf(LeaseLostError);
      await expectGapless(task);
    }
  });

  it('leave one event for twenty callers', async () => {
    const task = await tasks.create();
    const canceled = await Promise.all(Array.from({ length: 20 }, () => cancelTask(tasks.view, task.id)));
    expect(canceled.map(({ revision }) => revision)).toEqual(canceled.map(() => 2));
    await expectGapless(task);
  });
});
