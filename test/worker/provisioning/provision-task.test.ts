import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey, sessionKey } from '../../../src/tasks/domain/external-keys.ts';
import { stepNames } from '../../../src/tasks/domain/status.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { retryTask } from '../../../src/tasks/task-actions.ts';
import {
  failsAfterwards,
  returns,
  succeeds,
  throwsElsewhere,
  throwsRaw,
  waitsFor,
} from '../../support/scripted-provider.ts';
import {
  fails,
  hangs,
  methodOf,
  providerSteps,
  startWorkerHarness,
  type WorkerHarness,
} from '../worker-harness.ts';

let harness: WorkerHarness;
beforeAll(async () => {
  harness = await startWorkerHarness();
});
afterEach(() => harness.provider.reset());
afterAll(() => harness[Symbol.asyncDispose]());

const statusesOf = (history: Task[]) =>
  history.map(({ state }) => state.status).filter((status, index, all) => status !== all[index - 1]);
const retry = (task: Task) => retryTask(harness.stored.db, harness.stored.workspace.id, task.id);
const times = (task: Task, method: Parameters<WorkerHarness['script']>[1]) =>
  harness.provider.callsOf(method, sandboxKey(task.id)).length;

/** Tasks are picked up at once, so a rule for one of them is made before there is one: by its prompt. */
function scripted(prompt: string, ...rules: Parameters<WorkerHarness['provider']['on']>[]): Promise<Task> {
  for (const [method, behaviour, options] of rules) harness.provider.on(method, behaviour, options);
  return harness.create({ prompt });
}

describe('provisioning', () => {
  it('goes through every status, with one revision for each thing that happens', async () => {
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

  it("tells the provider what it needs to know, under keys of the task's own", async () => {
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

  it('keeps to itself what only workers need to know', async () => {
    const { id } = await harness.create();
    await harness.until(id, 'running');
    const token = harness.provider.agents.get(`${sandboxKey(id)}/demo`)?.token as string;
    expect(JSON.stringify(await harness.history(id))).not.toContain(token);
  });

  it('of many tasks with one title gives each a branch of its own', async () => {
    harness.repository.git('branch', 'groundcrew/the-same');
    const made = await Promise.all(Array.from({ length: 8 }, () => harness.create({ title: 'The same' })));
    const names = [];
    for (const { id } of made) names.push((await harness.until(id, 'running')).state.branchName);
    expect(new Set(names)).toEqual(
      new Set(Array.from({ length: 8 }, (_, index) => `groundcrew/the-same-${index + 2}`)),
    );
  });

  it('keeps the title and the branch that the client gave', async () => {
    const { id } = await harness.create({ title: 'Mine', branchName: 'feature/mine' });
    expect((await harness.until(id, 'running')).state).toMatchObject({
      title: 'Mine',
      branchName: 'feature/mine',
    });
  });

  it("avoids a branch that git can't keep beside one that the client gave to another task", async () => {
    const given = await harness.create({ branchName: 'groundcrew/beside/another' });
    await harness.until(given.id, 'running');
    const { id } = await harness.create({ title: 'Beside' });
    expect((await harness.until(id, 'running')).state.branchName).not.toBe('groundcrew/beside');
  });
});

describe.each(providerSteps)('the step %s', (step) => {
  const method = methodOf[step];
  const code = {
    create_sandbox: 'SANDBOX_FAILED',
    ensure_agent: 'AGENT_FAILED',
    create_session: 'SESSION_FAILED',
  }[step];

  it('that fails is tried again, and says when, how often, and why', async () => {
    const { id } = await scripted(`retry ${step}`, [method, fails({ message: 'not yet' }), { times: 2 }]);
    const task = await harness.until(id, 'running');
    const error = { code, message: 'not yet', step, retryable: true };
    expect(stepOf(task.state, step)).toMatchObject({ state: 'succeeded', attempt: 3, error });
    const failures = (await harness.history(id))
      .map(({ state }) => stepOf(state, step))
      .filter((each) => each.state === 'failed');
    expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const each of failures) {
      expect(each).toMatchObject({ error, deadlineAt: null });
      expect(Date.parse(each.nextAttemptAt ?? '')).toBeGreaterThanOrEqual(Date.parse(each.finishedAt ?? ''));
    }
    const calls = harness.provider.callsOf(method, sandboxKey(id));
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('out of tries makes the task ERROR, and is gone on with when it is retried', async () => {
    const made = await scripted(`give up ${step}`, [method, fails({ code: 'NO_ROOM', message: 'full' })]);
    const task = await harness.until(made.id, 'error');
    const error = { code: 'NO_ROOM', message: 'full', step, retryable: true };
    expect(task.state.error).toEqual(error);
    expect(stepOf(task.state, step)).toMatchObject({
      state: 'failed',
      attempt: 3,
      nextAttemptAt: null,
      error,
    });
    expect(times(made, method)).toBe(3);
    expect(times(made, 'destroySandbox')).toBe(0);

    harness.provider.reset();
    await retry(made);
    const retried = await harness.until(made.id, 'running');
    expect(retried.state.error).toBeNull();
    expect(stepOf(retried.state, step)).toMatchObject({ state: 'succeeded', attempt: 4, error });
    for (const other of providerSteps.filter((each) => each !== step)) {
      expect(times(made, methodOf[other])).toBe(1);
    }
  });

  it('gets its tries anew when it is retried', async () => {
    const made = await scripted(`anew ${step}`, [method, fails()]);
    await harness.until(made.id, 'error');
    await retry(made);
    const task = await harness.until(
      made.id,
      ({ state }) => stepOf(state, step).attempt === 6 && state.error !== null,
    );
    expect(task.state.status).toBe('error');
    expect(times(made, method)).toBe(6);
  });

  it('that says that no other try helps ends at once', async () => {
    const made = await scripted(`final ${step}`, [
      method,
      fails({ code: 'FORBIDDEN_HERE', retryable: false }),
    ]);
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'FORBIDDEN_HERE', step, retryable: false });
    expect(times(made, method)).toBe(1);
  });

  it('adopts what a try has made whose answer was lost', async () => {
    const { id } = await scripted(`adopt ${step}`, [method, failsAfterwards(), { times: 2 }]);
    await harness.until(id, 'running');
    const key = sandboxKey(id);
    expect(harness.provider.made.filter((made) => made.key.startsWith(key)).map(({ kind }) => kind)).toEqual([
      'sandbox',
      'agent',
    ]);
    expect([...harness.provider.sessions.values()].filter(({ sandboxKey: box }) => box === key)).toHaveLength(
      1,
    );
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 42],
    ['a text', 'ok'],
    ['a list', []],
    ['an empty object', {}],
    ['wrong types', { id: 1, cwd: 2, baseUrl: 3, sessionId: 4 }],
    ['empty texts', { id: '', cwd: '', baseUrl: '', sessionId: '' }],
    ['texts that no database can keep', { id: 'a\0', cwd: '/\ud800', baseUrl: 'http://\0', sessionId: '' }],
    ['texts without an end', { id: 'x'.repeat(9_000), cwd: '/', baseUrl: 'x'.repeat(9_000), sessionId: '' }],
    ['details that no database can keep', { id: 'a', cwd: '/', metadata: { a: ['\0'] } }],
    ['details without an end', { id: 'a', cwd: '/', metadata: { a: 'x'.repeat(70_000) } }],
  ])('that answers with %s has failed', async (_what, answer) => {
    const { id } = await scripted(`garbage ${step}`, [method, returns(answer), { times: 1 }]);
    const task = await harness.until(id, 'running');
    expect(stepOf(task.state, step)).toMatchObject({ attempt: 2, error: { code, step, retryable: true } });
  });

  it.each([undefined, null, 42, 'words', {}, { code: 7, message: 8 }, []])(
    'that throws %j has failed',
    async (thrown) => {
      const { id } = await scripted(`throws ${step}`, [method, throwsRaw(thrown), { times: 1 }]);
      const task = await harness.until(id, 'running');
      expect(stepOf(task.state, step)).toMatchObject({ attempt: 2, error: { code, step, retryable: true } });
      expect(stepOf(task.state, step).error?.message).not.toBe('');
    },
  );

  it('tells no secret and no stack', async () => {
    const message = 'GET https://user:hunter2hunter2@host/x: token=hunter2hunter2\n    at f (file.ts:1:1)';
    const { id } = await scripted(`secret ${step}`, [
      method,
      fails({ message, stack: 'at f' }),
      { times: 1 },
    ]);
    await harness.until(id, 'running');
    const told = JSON.stringify(await harness.history(id));
    expect(told).not.toContain('hunter2');
    expect(told).not.toContain('file.ts');
  });
});

describe('the step ensure_name', () => {
  it('that finds no repository ends at the first try', async () => {
    const { id } = await harness.create({ repoUrl: '/nowhere/at/all' });
    const task = await harness.until(id, 'error');
    expect(task.state.error).toMatchObject({
      code: 'REPOSITORY_NOT_FOUND',
      step: 'ensure_name',
      retryable: false,
    });
    expect(stepOf(task.state, 'ensure_name')).toMatchObject({ state: 'failed', attempt: 1 });
    expect(task.state.branchName).toBeNull();
  });

  it('is tried again when the host cannot be reached', async () => {
    const { id } = await harness.create({ repoUrl: 'http://127.0.0.1:1/o/r' });
    const task = await harness.until(id, 'error');
    expect(stepOf(task.state, 'ensure_name')).toMatchObject({ attempt: 3 });
    expect(task.state.error).toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
  });

  it('that found no repository goes on when it is retried, and there is one', async () => {
    const path = `${harness.repository.path}/later`;
    const { id } = await harness.create({ repoUrl: path });
    await harness.until(id, 'error');
    harness.repository.git('clone', '--quiet', '--bare', '.', path);
    await retryTask(harness.stored.db, harness.stored.workspace.id, id);
    const task = await harness.until(id, 'running');
    expect(stepOf(task.state, 'ensure_name').attempt).toBe(2);
  });
});

describe('what is gone', () => {
  it.each([
    [
      'sandbox',
      ['createSandbox', 'ensureAgent', 'createSession', 'createSandbox', 'ensureAgent', 'createSession'],
    ],
    ['agent', ['createSandbox', 'ensureAgent', 'createSession', 'ensureAgent', 'createSession']],
  ] as const)('is made again, when it was the %s, and no more than that', async (what, methods) => {
    const made = await scripted('gone', [
      'createSession',
      (turn) => {
        harness.provider.lose(what, turn.call.sandboxKey);
        return turn.effect();
      },
      { times: 1 },
    ]);
    const task = await harness.until(made.id, 'running');
    const key = sandboxKey(made.id);
    const calls = harness.provider.calls.filter(({ sandboxKey: box }) => box === key);
    expect(calls.map(({ method }) => method)).toEqual(methods);
    expect(harness.provider.sandboxes.has(key)).toBe(true);
    expect(task.state.sandbox).not.toBeNull();
    expect(stepOf(task.state, 'create_session')).toMatchObject({
      attempt: 2,
      error: { code: what === 'sandbox' ? 'SANDBOX_GONE' : 'AGENT_GONE' },
    });
  });

  it('each time that it is made, is not made again forever', async () => {
    const made = await scripted('always gone', ['createSession', fails({ code: 'AGENT_GONE' })]);
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'AGENT_GONE', step: 'create_session' });
    expect(times(made, 'createSession')).toBe(3);
    harness.provider.reset();
    await retry(made);
    expect((await harness.until(made.id, 'running')).state.sandbox).not.toBeNull();
  });

  it('is made again after a retry, when the sandbox went away meanwhile', async () => {
    const made = await scripted('gone later', ['createSession', fails({ retryable: false })]);
    await harness.until(made.id, 'error');
    harness.provider.reset();
    harness.provider.lose('sandbox', sandboxKey(made.id));
    await retry(made);
    await harness.until(made.id, 'running');
    expect(times(made, 'createSandbox')).toBe(2);
  });
});

describe('a task', () => {
  it('waits for no other, though that one hangs', async () => {
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

  it('is created while the provider has not answered anything', async () => {
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

  it('that is handed over at a stop has used up no try, and goes on elsewhere', async () => {
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

  it('whose worker is gone in the middle of a step goes on with the next try of it', async () => {
    await harness.stopWorker();
    const made = await harness.create();
    await harness.stored.addWorker('dead');
    await harness.stored.lease(made.id, 'dead');
    const at = new Date().toISOString();
    await harness.stored.change(made.id, { type: 'stepStarted', at, step: 'ensure_name', deadlineAt: at });
    await harness.stored.sql('delete from graphile_worker._private_jobs');
    await harness.stored.sql(`update worker set heartbeat_at = now() - interval '1 minute'`);
    await harness.startWorker();
    const task = await harness.until(made.id, 'running');
    expect(stepOf(task.state, 'ensure_name')).toMatchObject({ attempt: 2, error: { code: 'WORKER_LOST' } });
  });

  it('of a provider that this worker does not have says so', async () => {
    const made = await harness.stored.create({ repoUrl: harness.repository.path, provider: 'other' });
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'PROVIDER_UNKNOWN' });
  });

  it('tells no SQL when the database fails in the middle of a step', async () => {
    const rename = (from: string, to: string) => harness.stored.sql(`alter table ${from} rename to ${to}`);
    harness.provider.on(
      'ensureAgent',
      async (turn) => {
        await rename('session', 'session_away');
        return turn.effect();
      },
      { times: 1 },
    );
    const made = await harness.create();
    const task = await harness.until(made.id, ({ state }) => stepOf(state, 'create_session').error !== null);
    await rename('session_away', 'session');
    await harness.until(made.id, ({ state }) => state.status === 'running' || state.status === 'error');
    expect(stepOf(task.state, 'create_session').error?.message).not.toMatch(/select|relation/);
  });
});

describe('a worker', () => {
  it('lives on when a provider throws outside of its promises', async () => {
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

  it('that is woken twice, late or for nothing does nothing twice', async () => {
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
