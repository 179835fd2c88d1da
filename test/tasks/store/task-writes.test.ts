import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { NewMachineEvent } from '../../../src/tasks/domain/machine-event.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { type LeasedTask, leaseTask } from '../../../src/tasks/store/task-leases.ts';
import type { Change, TaskWrite } from '../../../src/tasks/store/task-write.ts';
import { TaskWrites } from '../../../src/tasks/store/task-writes.ts';
import { parseWakeUps, taskChannel } from '../../../src/tasks/store/wake-up.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { started, succeeded } from '../domain/machine-states.ts';

const workerId = 'worker a';
let tasks: StoredTasks;
let writes: TaskWrites;
beforeAll(async () => {
  tasks = await StoredTasks.create();
  await tasks.addWorker(workerId);
  writes = new TaskWrites(tasks.db);
});
afterAll(() => tasks[Symbol.asyncDispose]());

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));

async function leaseNew(count: number): Promise<LeasedTask[]> {
  const made = await Promise.all(times(count, (index) => tasks.create({ prompt: `Prompt ${index}` })));
  const leased = await Promise.all(made.map(({ id }) => leaseTask(tasks.db, id, workerId)));
  return leased as LeasedTask[];
}

const change = ({ task, lease }: LeasedTask, event: NewMachineEvent, ...then: NewMachineEvent[]) =>
  changeTask(tasks.db, task.id, { event, lease }, task, {
    next: () => then.shift() ?? null,
    write: (write) => writes.write(write),
  });

async function transactionsOf(leased: readonly LeasedTask[], revision: number): Promise<number[]> {
  const rows = await tasks.sql<{ tasks: number }>(
    `select count(*)::int as tasks from task_event
     where task_id in (${leased.map(() => '?').join()}) and revision = ? group by xid order by tasks desc`,
    [...leased.map(({ task }) => task.id), revision],
  );
  return rows.map((row) => row.tasks);
}

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: tasks.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe('changes of different tasks that arrive while a statement is under way', () => {
  it('share the next one, and a notification that names each of them', async () => {
    const leased = await leaseNew(20);
    const client = await connect();
    const payloads: string[] = [];
    client.on('notification', ({ payload = '' }) => payloads.push(payload));
    await client.query(`listen ${taskChannel}`);
    const changed = await Promise.all(leased.map((each) => change(each, started('ensure_name'))));
    expect(changed.map((each) => each?.outcome)).toEqual(leased.map(() => 'changed'));
    expect(await transactionsOf(leased, 2)).toEqual([19, 1]);
    await waitFor(() => payloads.length >= 2);
    expect(payloads).toHaveLength(2);
    expect(
      payloads
        .flatMap(parseWakeUps)
        .map(({ taskId }) => taskId)
        .sort(),
    ).toEqual(leased.map(({ task }) => task.id).sort());
  });

  it('I4 fail alone when their lease is gone', async () => {
    const leased = await leaseNew(10);
    const lost = leased[5] as LeasedTask;
    await tasks.sql('update task set epoch = epoch + 1, leased_by = null where id = ?', [lost.task.id]);
    const changed = await Promise.allSettled(leased.map((each) => change(each, started('ensure_name'))));
    for (const [index, { status }] of changed.entries())
      expect(status).toBe(index === 5 ? 'rejected' : 'fulfilled');
    expect(changed[5]).toMatchObject({ reason: { name: 'LeaseLostError' } });
    expect(await tasks.revisionOf(lost.task.id)).toBe(1);
  });

  it('are repeated alone on what they have missed when their task has a new revision', async () => {
    const leased = await leaseNew(10);
    const missed = leased[5] as LeasedTask;
    await tasks.change(missed.task.id, { type: 'sessionAdded', sessionId: 'session_x', agent: 'demo' });
    const changed = await Promise.all(leased.map((each) => change(each, started('ensure_name'))));
    expect(changed.map((each) => each?.task.revision)).toEqual(
      leased.map((each) => (each === missed ? 3 : 2)),
    );
  });

  it('do not wait for the lock of one of them', async () => {
    const leased = await leaseNew(10);
    const [locked, ...others] = leased as [LeasedTask, ...LeasedTask[]];
    const client = await connect();
    await client.query('begin');
    await client.query('select from task where id = $1 for update', [locked.task.id]);
    const waiting = change(locked, started('ensure_name'));
    await Promise.all(others.map((each) => change(each, started('ensure_name'))));
    expect(await tasks.revisionOf(locked.task.id)).toBe(1);
    await client.query('rollback');
    expect(await waiting).toMatchObject({ outcome: 'changed', task: { revision: 2 } });
  });

  it('wait together for the names of branches that another worker chooses in their project, and nothing else waits', async () => {
    const [other, ...leased] = (await leaseNew(11)) as [LeasedTask, ...LeasedTask[]];
    const elsewhere = await tasks.create({ repoUrl: 'https://example.com/acme/elsewhere' });
    const ofElsewhere = (await leaseTask(tasks.db, elsewhere.id, workerId)) as LeasedTask;
    const [begunElsewhere, ...begun] = await Promise.all(
      [ofElsewhere, ...leased].map((each) => change(each, started('ensure_name'))),
    );
    const client = await connect();
    await client.query('begin');
    await client.query(
      `select pg_advisory_xact_lock(hashtextextended('settle-name ' || project_id, 0)) from task where id = $1`,
      [other.task.id],
    );
    const name = ({ task, lease }: LeasedTask, read: Task | undefined, ...branchCandidates: string[]) =>
      changeTask(tasks.db, task.id, { event: succeeded.ensure_name, lease, branchCandidates }, read, {
        write: (each) => writes.write(each),
      });
    const naming = leased.map((each, index) =>
      name(each, begun[index]?.task, 'shared', `other-${index}`, each.task.id),
    );
    // Until the first statement has found the lock taken, and the next one waits for it.
    const waiting = `select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`;
    await waitFor(async () => (await tasks.sql(waiting)).length > 0);
    expect(await name(ofElsewhere, begunElsewhere?.task, 'shared')).toMatchObject({ outcome: 'changed' });
    expect(await change(other, started('ensure_name'))).toMatchObject({ outcome: 'changed' });
    expect(await tasks.revisionOf(leased[0]?.task.id as string)).toBe(2);
    await client.query('commit');
    const named = await Promise.all(naming);
    const names = named.map((each) => each?.task.state.branchName);
    expect(new Set(names).size).toBe(10);
    expect(names.filter((name) => name === 'shared')).toHaveLength(1);
    expect(await transactionsOf(leased, 3)).toEqual([9, 1]);
  });

  it('fail alone when PostgreSQL refuses their data', async () => {
    const leased = await leaseNew(5);
    const bad: NewMachineEvent = { type: 'sessionAdded', sessionId: 'session_bad', agent: 'a\0b' };
    const changed = await Promise.allSettled(
      leased.map((each, index) => change(each, index === 2 ? bad : started('ensure_name'))),
    );
    expect(changed.map(({ status }) => status)).toEqual(
      times(5, (index) => (index === 2 ? 'rejected' : 'fulfilled')),
    );
  });
});

describe('changes that follow one another', () => {
  it('I1 are revisions of their own in one statement, each with its state', async () => {
    const [leased] = (await leaseNew(1)) as [LeasedTask];
    await change(leased, started('ensure_name'), succeeded.ensure_name, started('create_sandbox'));
    expect(await transactionsOf([leased], 4)).toEqual([1]);
    const rows = await tasks.sql(
      `select revision, kind, status, state ->> 'status' as "in", state -> 'steps' -> 1 ->> 'state' as second
       from task_event where task_id = ? order by revision`,
      [leased.task.id],
    );
    expect(rows).toEqual([
      {
        revision: 1,
        kind: 'task.created',
        status: 'init_enqueue_provision',
        in: 'init_enqueue_provision',
        second: 'pending',
      },
      {
        revision: 2,
        kind: 'task.status_changed',
        status: 'init_ensure_name',
        in: 'init_ensure_name',
        second: 'pending',
      },
      {
        revision: 3,
        kind: 'task.named',
        status: 'init_ensure_name',
        in: 'init_ensure_name',
        second: 'pending',
      },
      {
        revision: 4,
        kind: 'task.status_changed',
        status: 'init_create_sandbox',
        in: 'init_create_sandbox',
        second: 'running',
      },
    ]);
    expect(await tasks.sql('select state from sandbox where task_id = ?', [leased.task.id])).toEqual([
      { state: 'requested' },
    ]);
    const [row] = await tasks.sql('select revision, status from task where id = ?', [leased.task.id]);
    expect(row).toEqual({ revision: 4, status: 'init_create_sandbox' });
  });
});

describe('changes that take the lease', () => {
  async function readNew(count: number): Promise<LeasedTask[]> {
    const made = await Promise.all(times(count, () => tasks.create()));
    const read = await Promise.all(made.map(({ id }) => writes.readFree(id)));
    return read as LeasedTask[];
  }

  const take = (
    { task, lease }: LeasedTask,
    write = (each: TaskWrite) => writes.writeUnlocked(each),
    by = workerId,
    more: Partial<Change> = {},
  ) =>
    changeTask(
      tasks.db,
      task.id,
      { event: started('ensure_name'), lease, takesLeaseFor: by, ...more },
      task,
      { write },
    );

  const rowOf = async ({ task: { id } }: LeasedTask) =>
    (await tasks.sql('select revision, epoch, leased_by from task where id = ?', [id]))[0];
  const taken = { revision: 2, epoch: 1, leased_by: workerId };

  it('go together, each under its own epoch, and fail alone where another worker was faster', async () => {
    const free = await readNew(10);
    await tasks.addWorker('worker b');
    const [held, ...others] = free as [LeasedTask, ...LeasedTask[]];
    await tasks.lease(held.task.id, 'worker b');
    const changed = await Promise.allSettled(free.map((each) => take(each)));
    expect(changed[0]).toMatchObject({ reason: { name: 'LeaseLostError' } });
    for (const each of others) expect(await rowOf(each)).toEqual(taken);
    expect(await rowOf(held)).toEqual({ revision: 1, epoch: 1, leased_by: 'worker b' });
    expect(Math.max(...(await transactionsOf(others, 2)))).toBeGreaterThanOrEqual(8);
  });

  it('I4 write under that lease what follows', async () => {
    const [free] = (await readNew(1)) as [LeasedTask];
    const changed = await take(free);
    const named = await change({ ...free, task: changed?.task ?? free.task }, succeeded.ensure_name);
    expect(named).toMatchObject({ outcome: 'changed', task: { revision: 3 } });
  });

  it('are made once when their reply is lost', async () => {
    const [free] = (await readNew(1)) as [LeasedTask];
    const lost = take(free, async (each) => {
      await writes.writeUnlocked(each);
      throw new Error('The reply is lost.');
    });
    await expect(lost).rejects.toThrow('The reply is lost.');
    expect(await take(free)).toMatchObject({ outcome: 'refused', task: { revision: 2 } });
    expect(await rowOf(free)).toEqual(taken);
    await expect(take(free, undefined, 'worker b')).rejects.toThrow('is gone');
  });

  it('I9 are refused to a worker that was declared dead, and of a task that changed or needs no work', async () => {
    const [free, changed, idle] = (await readNew(3)) as [LeasedTask, LeasedTask, LeasedTask];
    await expect(take(free, undefined, 'never registered')).rejects.toThrow('is gone');
    await tasks.change(changed.task.id, { type: 'sessionAdded', sessionId: 'session_y', agent: 'demo' });
    await expect(take(changed)).rejects.toThrow('is gone');
    await tasks.sql('update task set wake_at = null where id = ?', [idle.task.id]);
    await expect(take(idle)).rejects.toThrow('is gone');
    for (const each of [free, changed, idle])
      expect(await rowOf(each)).toMatchObject({ epoch: 0, leased_by: null });
    expect(await writes.readFree(idle.task.id)).toBeNull();
    expect(await writes.readFree('task_none')).toBeNull();
  });

  it('are given up at once while their worker is declared dead, or another one chooses names in the project', async () => {
    const [free, named] = (await readNew(2)) as [LeasedTask, LeasedTask];
    const client = await connect();
    await client.query('begin');
    await client.query('select from worker where id = $1 for update', [workerId]);
    await expect(take(free)).rejects.toThrow('is gone');
    await client.query('rollback');
    await client.query('begin');
    await client.query(
      `select pg_advisory_xact_lock(hashtextextended('settle-name ' || project_id, 0)) from task where id = $1`,
      [named.task.id],
    );
    const candidates = { branchCandidates: ['one', 'two'] };
    await expect(take(named, undefined, workerId, candidates)).rejects.toThrow('is gone');
    expect(await take(free)).toMatchObject({ outcome: 'changed', task: { revision: 2 } });
    await client.query('rollback');
    expect(await rowOf(named)).toMatchObject({ revision: 1, epoch: 0, leased_by: null });
  });
});
