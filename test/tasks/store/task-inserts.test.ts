import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { CreateTaskInput } from '../../../src/tasks/input.ts';
import { parseWakeUps, taskChannel } from '../../../src/tasks/store/wake-up.ts';
import { repoUrl, StoredTasks } from '../../support/stored-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterAll(() => tasks[Symbol.asyncDispose]());
beforeEach(async () => {
  await tasks.sql('truncate task, task_event, session, idempotency_key, project cascade');
  await tasks.sql('delete from graphile_worker._private_jobs');
});

const prompts = (count: number) => Array.from({ length: count }, (_, index) => `Prompt ${index}`);
const createAll = (count: number) => Promise.all(prompts(count).map((prompt) => tasks.create({ prompt })));

/** The tasks of each transaction, the larger ones first. */
async function tasksOfTransactions(): Promise<number[]> {
  const rows = await tasks.sql<{ tasks: number }>(
    'select count(*)::int as tasks from task group by xmin::text order by tasks desc',
  );
  return rows.map((row) => row.tasks);
}

/** Holds up each statement that creates tasks, until it is called. */
async function holdCreates(): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: tasks.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('begin; lock table task in exclusive mode');
  return async () => void (await client.query('rollback'));
}

const heldStatements = () =>
  tasks.sql<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );

describe('creates that arrive while a statement is under way', () => {
  it('go together in the next one, at most a hundred, in the order in which they came', async () => {
    const made = await createAll(250);
    expect(await tasksOfTransactions()).toEqual([100, 100, 49, 1]);
    expect(made.map(({ prompt }) => prompt)).toEqual(prompts(250));
    const jobs = await tasks.sql<{ key: string }>('select key from graphile_worker.jobs order by id');
    expect(jobs.map(({ key }) => key)).toEqual(made.map(({ id }) => `provision:${id}`));
    expect(await tasks.sql('select count(*)::int as events from task_event')).toEqual([{ events: 250 }]);
  });

  it('share notifications, which name each of them', async () => {
    const client = new Client({ connectionString: tasks.url });
    await client.connect();
    onTestFinished(() => client.end());
    const payloads: string[] = [];
    client.on('notification', ({ payload = '' }) => payloads.push(payload));
    await client.query(`listen ${taskChannel}`);
    const made = await createAll(101);
    await waitFor(() => payloads.length >= 3);
    expect(payloads).toHaveLength(3);
    const named = payloads.flatMap(parseWakeUps).map(({ taskId }) => taskId);
    expect(named).toEqual(made.map(({ id }) => id));
  });

  it('each have their own result', async () => {
    await tasks.sql(`create or replace function refuse_prompt() returns trigger language plpgsql as $$
      begin if new.prompt = 'refused' then raise exception 'refused by the test'; end if; return new; end $$`);
    await tasks.sql(
      'create trigger refused before insert on task for each row execute function refuse_prompt()',
    );
    onTestFinished(async () => void (await tasks.sql('drop trigger refused on task')));
    const used = await tasks.create({ prompt: 'Earlier', idempotencyKey: 'used' });
    const inputs: Partial<CreateTaskInput>[] = [
      { prompt: 'First' },
      { prompt: 'Second' },
      { prompt: 'refused' },
      { prompt: 'Earlier', idempotencyKey: 'used' },
      { prompt: 'Another', idempotencyKey: 'used' },
      { prompt: 'Twice', idempotencyKey: 'twice', repoUrl: 'https://example.com/new/project' },
      { prompt: 'Twice', idempotencyKey: 'twice', repoUrl: 'https://example.com/new/project' },
      { prompt: 'Last', repoUrl: 'https://example.com/new/project' },
    ];
    const results = await Promise.allSettled(inputs.map((input) => tasks.create(input)));
    const made = results.map((result) => (result.status === 'fulfilled' ? result.value : null));
    const errors = results.map((result) => (result.status === 'rejected' ? result.reason : null));
    expect(made.map((task) => task?.prompt)).toEqual([
      'First',
      'Second',
      undefined,
      'Earlier',
      undefined,
      'Twice',
      'Twice',
      'Last',
    ]);
    expect(errors[2].message).toContain('refused by the test');
    expect(made[3]?.id).toBe(used.id);
    expect(errors[4]).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(made[6]).toEqual(made[5]);
    expect(made[7]?.project.id).toBe(made[5]?.project.id);
    expect(await tasks.sql('select count(*)::int as tasks from task')).toEqual([{ tasks: 5 }]);
  });

  it('fail with the connection that they were sent on, and may be repeated by their keys', async () => {
    const release = await holdCreates();
    const inputs = prompts(10).map((prompt) => ({ prompt, idempotencyKey: prompt }));
    const settled = Promise.allSettled(inputs.map((input) => tasks.create(input)));
    // The first one alone, and the others once it has failed.
    for (const _ of ['first', 'others']) {
      const [held] = await waitFor(async () => {
        const statements = await heldStatements();
        return statements.length > 0 && statements;
      });
      await tasks.sql('select pg_terminate_backend(?)', [held?.pid]);
      await waitFor(async () => (await heldStatements()).every(({ pid }) => pid !== held?.pid));
    }
    expect((await settled).map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
    await release();
    const made = await Promise.all([...inputs, ...inputs].map((input) => tasks.create(input)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(10);
    expect(await tasks.sql('select count(*)::int as tasks from task')).toEqual([{ tasks: 10 }]);
  });

  it('are left out once their caller waits no longer', async () => {
    const release = await holdCreates();
    const first = tasks.create({ prompt: 'First' });
    await waitFor(async () => (await heldStatements()).length > 0);
    const leaving = new AbortController();
    const input = { repoUrl, prompt: 'Left' };
    const left = tasks.creator.create(tasks.view, input, leaving.signal);
    const last = tasks.create({ prompt: 'Last' });
    leaving.abort(new Error('The caller has left.'));
    await release();
    await expect(left).rejects.toThrow('The caller has left.');
    expect([(await first).prompt, (await last).prompt]).toEqual(['First', 'Last']);
    expect(await tasks.sql(`select 1 from task where prompt = 'Left'`)).toEqual([]);
  });
});
