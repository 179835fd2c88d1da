import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey, sessionKey } from '../../../src/tasks/domain/external-keys.ts';
import { stepNames } from '../../../src/tasks/domain/status.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { succeeds, throwsElsewhere, waitsFor } from '../../support/scripted-provider.ts';
import { hangs, startWorkerHarness, type WorkerHarness } from '../worker-harness.ts';

let harness: WorkerHarness;
beforeAll(async () => {
  harness = await startWorkerHarness();
});
afterEach(() => harness.provider.reset());
afterAll(() => harness[Symbol.asyncDispose]());

const statusesOf = (history: Task[]) =>
  history.map(({ state }) => state.status).filter((status, index, all) => status !== all[index - 1]);

/** Workers lease a task at once, so its rules are made before it is created. */
function scripted(prompt: string, ...rules: Parameters<WorkerHarness['provider']['on']>[]): Promise<Task> {
  for (const [method, behaviour, options] of rules) harness.provider.on(method, behaviour, options);
  return harness.create({ prompt });
}

describe('provisioning', () => {
  it('passes through every status, with one revision for each event', async () => {
    const { id } = await harness.create({ prompt: 'Fix the tests\nwith care', baseRef: 'main' });
    const task = await harness.until(id, 'running');
    const history = await harness.history(id);
    expect(statusesOf(history)).toEqual([
      'init_enqueue_provision',
      'init_ensure_name',
      'init_create_sandbox',
      'init_ensure_agent',
      'init_create_session',
      'running',
    ]);
    expect(history.map(({ revision }) => revision)).toEqual(
      Array.from({ length: task.revision }, (_, index) => index + 1),
    );
    expect(task.state).toMatchObject({ title: 'Fix the tests', error: null });
    expect(task.state.branchName).toMatch(/^groundcrew\/fix-the-tests/);
    expect(task.state.readyAt).toBe(task.updatedAt);
    expect(task.state.sessions).toMatchObject([{ status: 'ready' }]);
    expect(task.state.steps.map(({ state, attempt, error }) => [state, attempt, error])).toEqual(
      stepNames.map(() => ['succeeded', 1, null]),
    );
  });

  it('calls the provider with keys that belong to the task', async () => {
    const made = await harness.create({ prompt: 'What to do', baseRef: 'main', agent: 'codex' });
    const task = await harness.until(made.id, 'running');
    const key = sandboxKey(task.id);
    const [{ args: sandbox }, { args: agent }, { args: session }] = (
      ['createSandbox', 'ensureAgent', 'createSession'] as const
    ).map((method) => harness.provider.callsOf(method, key)[0]) as never as { args: unknown[] }[] as [
      { args: unknown[] },
      { args: unknown[] },
      { args: unknown[] },
    ];
    const { branchName } = task.state;
    expect(sandbox).toEqual([
      { key, taskId: task.id, repoUrl: harness.repository.path, branch: branchName, baseRef: 'main' },
    ]);
    const ref = { id: `scripted:${key}`, cwd: `/scripted/${key}`, metadata: { key } };
    expect(agent).toEqual([ref, { agent: 'codex' }]);
    const endpoint = harness.provider.agents.get(`${key}/codex`);
    const request = { key: sessionKey(task.state.sessions[0].id), agent: 'codex', prompt: 'What to do' };
    expect(session).toEqual([ref, endpoint, request]);
    expect(task.state.sandbox).toEqual({ id: ref.id, provider: 'local', cwd: ref.cwd });
  });

  it('does not show the endpoint token in any revision', async () => {
    const { id } = await harness.create();
    await harness.until(id, 'running');
    const token = harness.provider.agents.get(`${sandboxKey(id)}/demo`)?.token as string;
    expect(JSON.stringify(await harness.history(id))).not.toContain(token);
  });

  it('gives tasks with the same title different branches', async () => {
    harness.repository.git('branch', 'groundcrew/the-same');
    const made = await Promise.all(Array.from({ length: 8 }, () => harness.create({ title: 'The same' })));
    const names = [];
    for (const { id } of made) names.push((await harness.until(id, 'running')).state.branchName);
    expect(new Set(names)).toEqual(
      new Set(Array.from({ length: 8 }, (_, index) => `groundcrew/the-same-${index + 2}`)),
    );
  });

  it('keeps the title and the branch that the client chose', async () => {
    const { id } = await harness.create({ title: 'Mine', branchName: 'feature/mine' });
    expect((await harness.until(id, 'running')).state).toMatchObject({
      title: 'Mine',
      branchName: 'feature/mine',
    });
  });

  it('chooses no branch that git cannot store with the branch of another task', async () => {
    const given = await harness.create({ branchName: 'groundcrew/same-prefix/another' });
    await harness.until(given.id, 'running');
    const { id } = await harness.create({ title: 'Same prefix' });
    expect((await harness.until(id, 'running')).state.branchName).not.toBe('groundcrew/same-prefix');
  });
});

describe('a task', () => {
  it('becomes RUNNING while another one hangs', async () => {
    const gate = Promise.withResolvers<void>();
    const hanging = await scripted('hangs', ['createSandbox', waitsFor(gate.promise), { times: 1 }]);
    const call = await harness.provider.waitForCall('createSandbox', { key: sandboxKey(hanging.id) });
    const others = await Promise.all(Array.from({ length: 5 }, () => harness.create()));
    for (const { id } of others) await harness.until(id, 'running');
    expect(call.state.ended).toBeNull();
    expect((await harness.find(hanging.id)).state.status).toBe('init_create_sandbox');
    gate.resolve();
    await harness.until(hanging.id, 'running');
  });

  it('is created while the provider does not answer', async () => {
    harness.provider.on('createSandbox', hangs());
    const made = await harness.create();
    const call = await harness.provider.waitForCall('createSandbox', { key: sandboxKey(made.id) });
    const second = await harness.create();
    expect(second.revision).toBe(1);
    expect(call.state.ended).toBeNull();
    await harness.stopWorker();
    harness.provider.reset();
    await harness.startWorker();
    for (const { id } of [made, second]) await harness.until(id, 'running');
  });

  it('I12 uses up no attempt when its worker stops, and continues on the next worker', async () => {
    const rule = harness.provider.on('createSandbox', hangs(), { times: 1 });
    const made = await harness.create();
    await harness.provider.waitForCall('createSandbox', { key: sandboxKey(made.id) });
    await harness.stopWorker();
    expect(rule.calls[0]?.state.aborted).toBe(true);
    const handedOver = await harness.find(made.id);
    expect(stepOf(handedOver.state, 'create_sandbox')).toMatchObject({ state: 'pending', failures: 0 });
    expect(await harness.stored.sql('select from task where leased_by is not null')).toEqual([]);
    expect(await harness.stored.sql('select from graphile_worker.jobs where locked_at is not null')).toEqual(
      [],
    );
    expect(await harness.stored.sql('select from worker')).toEqual([]);
    await harness.startWorker();
    expect(stepOf((await harness.until(made.id, 'running')).state, 'create_sandbox').attempt).toBe(2);
  });

  it('continues with the next attempt when its worker died during a step', async () => {
    await harness.stopWorker();
    const made = await harness.create();
    await harness.stored.addWorker('dead');
    await harness.stored.lease(made.id, 'dead');
    await harness.stored.change(made.id, { type: 'stepStarted', step: 'ensure_name', timeoutMs: 0 });
    await harness.stored.sql('delete from graphile_worker._private_jobs');
    await harness.stored.sql(`update worker set heartbeat_at = now() - interval '1500 milliseconds'`);
    await harness.startWorker();
    const task = await harness.until(made.id, 'running');
    expect(stepOf(task.state, 'ensure_name')).toMatchObject({ attempt: 2, error: { code: 'WORKER_LOST' } });
  });

  it('fails with PROVIDER_UNKNOWN when the worker lacks its provider', async () => {
    const made = await harness.stored.create({ repoUrl: harness.repository.path, provider: 'other' });
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'PROVIDER_UNKNOWN' });
  });

  it('shows no SQL when the database fails during a step', async () => {
    const rename = (from: string, to: string) => harness.stored.sql(`alter table ${from} rename to ${to}`);
    harness.provider.on(
      'ensureAgent',
      async (turn) => {
        await rename('prompt', 'prompt_away');
        return turn.effect();
      },
      { times: 1 },
    );
    const made = await harness.create();
    const task = await harness.until(made.id, ({ state }) => stepOf(state, 'create_session').error !== null);
    await rename('prompt_away', 'prompt');
    await harness.until(made.id, ({ state }) => state.status === 'running' || state.status === 'error');
    expect(stepOf(task.state, 'create_session').error?.message).not.toMatch(/select|relation/);
  });
});

describe('a worker', () => {
  it('survives a provider that throws outside of its promises', async () => {
    // As main.ts has it; vitest has a handler of its own, which would fail the run.
    const theirs = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught = Promise.withResolvers<Error>();
    process.once('uncaughtException', uncaught.resolve);
    try {
      const made = await scripted('elsewhere', [
        'createSandbox',
        throwsElsewhere('out of reach'),
        { times: 1 },
      ]);
      expect((await uncaught.promise).message).toBe('out of reach');
      const other = await scripted('other', ['createSandbox', succeeds()]);
      await harness.until(other.id, 'running');
      expect((await harness.find(made.id)).state.status).toBe('init_create_sandbox');
    } finally {
      for (const listener of theirs) process.on('uncaughtException', listener);
    }
  });

  it('I3 changes nothing for jobs that come twice, late or without a reason', async () => {
    const made = await harness.create();
    await harness.until(made.id, 'running');
    const before = harness.provider.calls.length;
    const { revision } = await harness.find(made.id);
    for (const payload of [{ taskId: made.id }, { taskId: made.id }, { taskId: 'task_none' }, { other: 1 }]) {
      await harness.stored.sql(
        `select graphile_worker.add_job('provisionTask', ?::json, max_attempts => 1)`,
        [JSON.stringify(payload)],
      );
    }
    const witness = await harness.create();
    await harness.until(witness.id, 'running');
    expect(
      harness.provider.calls.slice(before).filter(({ sandboxKey: key }) => key === sandboxKey(made.id)),
    ).toEqual([]);
    expect((await harness.find(made.id)).revision).toBe(revision);
  });
});
