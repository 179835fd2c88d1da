import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { retryTask } from '../../../src/tasks/task-actions.ts';
import { type Behaviour, failsAfterwards, returns, throwsRaw } from '../../support/scripted-provider.ts';
import { fails, methodOf, providerSteps, startWorkerHarness, type WorkerHarness } from '../worker-harness.ts';

let harness: WorkerHarness;
beforeAll(async () => {
  harness = await startWorkerHarness();
});
afterEach(() => harness.provider.reset());
afterAll(() => harness[Symbol.asyncDispose]());

const retry = (task: Task) => retryTask(harness.stored.view, task.id);
const times = (task: Task, method: Parameters<WorkerHarness['script']>[1]) =>
  harness.provider.callsOf(method, sandboxKey(task.id)).length;

/** Workers lease a task at once, so its rules are made before it is created. */
function scripted(
  prompt: string,
  ...rules: Readonly<Parameters<WorkerHarness['provider']['on']>>[]
): Promise<Task> {
  for (const [method, behaviour, options] of rules) harness.provider.on(method, behaviour, options);
  return harness.create({ prompt });
}

describe.each(providerSteps)('the step %s', (step) => {
  const method = methodOf[step];
  const code = {
    create_sandbox: 'SANDBOX_FAILED',
    ensure_agent: 'AGENT_FAILED',
    create_session: 'SESSION_FAILED',
  }[step];

  it('is attempted again after a failure, and shows when, how often and why', async () => {
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

  it('puts the task into ERROR when no attempts are left, and continues after a retry', async () => {
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

  it('has all its attempts again after a retry', async () => {
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

  it('is attempted once when its failure is not retryable', async () => {
    const made = await scripted(`final ${step}`, [
      method,
      fails({ code: 'FORBIDDEN_HERE', retryable: false }),
    ]);
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'FORBIDDEN_HERE', step, retryable: false });
    expect(times(made, method)).toBe(1);
  });

  it('I5 adopts what an earlier attempt made although its answer was lost', async () => {
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

  // Two after each other: a task has an attempt for each of them, and a third one that succeeds.
  it.each([
    ['undefined, and null', [undefined, null]],
    ['a number, and a text', [42, 'ok']],
    ['a list, and an empty object', [[], {}]],
    [
      'wrong types, and empty texts',
      [
        { id: 1, cwd: 2, baseUrl: 3, sessionId: 4 },
        { id: '', cwd: '', baseUrl: '', sessionId: '' },
      ],
    ],
    [
      'texts that no database can keep, and texts without an end',
      [
        { id: 'a\0', cwd: '/\ud800', baseUrl: 'http://\0', sessionId: '' },
        { id: 'x'.repeat(9_000), cwd: '/', baseUrl: 'x'.repeat(9_000), sessionId: '' },
      ],
    ],
    [
      'details that no database can keep, and details without an end',
      [
        { id: 'a', cwd: '/', metadata: { a: ['\0'] } },
        { id: 'a', cwd: '/', metadata: { a: 'x'.repeat(70_000) } },
      ],
    ],
  ])('fails when the provider answers with %s', async (_what, answers) => {
    await expectFailures(`garbage ${step}`, answers.map(returns));
  });

  it.each([
    [undefined, null],
    [42, 'words'],
    [{}, { code: 7, message: 8 }],
    [[], undefined],
  ])('fails when the provider throws %j, and %j', async (...thrown) => {
    const messages = await expectFailures(`throws ${step}`, thrown.map(throwsRaw));
    expect(messages).not.toContain('');
  });

  /** The step fails by each of the behaviours, and then succeeds. Returns the messages of the failures. */
  async function expectFailures(prompt: string, behaviours: readonly Behaviour[]): Promise<string[]> {
    // The newest rule wins.
    const rules = behaviours.map((behaviour) => [method, behaviour, { times: 1 }] as const).toReversed();
    const { id } = await scripted(prompt, ...rules);
    const task = await harness.until(id, 'running');
    expect(stepOf(task.state, step)).toMatchObject({ state: 'succeeded', attempt: behaviours.length + 1 });
    const failures = (await harness.history(id))
      .map(({ state }) => stepOf(state, step))
      .filter(({ state }) => state === 'failed');
    expect(failures).toMatchObject(
      behaviours.map((_, index) => ({ attempt: index + 1, error: { code, step, retryable: true } })),
    );
    return failures.map(({ error }) => error?.message ?? '');
  }

  it('shows no secret and no stack in any revision', async () => {
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
  it('is attempted once when the repository does not exist', async () => {
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

  it('is attempted again when the host cannot be reached', async () => {
    const { id } = await harness.create({ repoUrl: 'http://127.0.0.1:1/o/r' });
    const task = await harness.until(id, 'error');
    expect(stepOf(task.state, 'ensure_name')).toMatchObject({ attempt: 3 });
    expect(task.state.error).toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
  });

  it('succeeds after a retry when the repository exists by then', async () => {
    const path = `${harness.repository.path}/later`;
    const { id } = await harness.create({ repoUrl: path });
    await harness.until(id, 'error');
    harness.repository.git('clone', '--quiet', '--bare', '.', path);
    await retryTask(harness.stored.view, id);
    const task = await harness.until(id, 'running');
    expect(stepOf(task.state, 'ensure_name').attempt).toBe(2);
  });
});

describe('a lost result of an earlier step', () => {
  it.each([
    [
      'sandbox',
      ['createSandbox', 'ensureAgent', 'createSession', 'createSandbox', 'ensureAgent', 'createSession'],
    ],
    ['agent', ['createSandbox', 'ensureAgent', 'createSession', 'ensureAgent', 'createSession']],
  ] as const)('is made again, and nothing else, when it is the %s', async (what, methods) => {
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

  it('puts the task into ERROR when it is lost at every attempt', async () => {
    const made = await scripted('always gone', ['createSession', fails({ code: 'AGENT_GONE' })]);
    const task = await harness.until(made.id, 'error');
    expect(task.state.error).toMatchObject({ code: 'AGENT_GONE', step: 'create_session' });
    expect(times(made, 'createSession')).toBe(3);
    harness.provider.reset();
    await retry(made);
    expect((await harness.until(made.id, 'running')).state.sandbox).not.toBeNull();
  });

  it('is made again after a retry when the sandbox was lost meanwhile', async () => {
    const made = await scripted('gone later', ['createSession', fails({ retryable: false })]);
    await harness.until(made.id, 'error');
    harness.provider.reset();
    harness.provider.lose('sandbox', sandboxKey(made.id));
    await retry(made);
    await harness.until(made.id, 'running');
    expect(times(made, 'createSandbox')).toBe(2);
  });
});
