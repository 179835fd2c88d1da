import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { archiveTask, cancelTask } from '../../../src/tasks/task-actions.ts';
import { ownTime } from '../../support/own-time.ts';
import { never, waitsFor } from '../../support/scripted-provider.ts';
import { waitFor } from '../../support/wait-for.ts';
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

const cancel = (id: string) => cancelTask(harness.stored.view, id);
const archive = (id: string) => archiveTask(harness.stored.view, id);

async function expectNothingElse(id: string): Promise<void> {
  const history = await harness.history(id);
  const canceledAt = history.findIndex(({ state }) => state.status === 'canceled');
  const after = history.slice(canceledAt + 1);
  expect(after.map(({ state }) => [state.status, state.sandbox])).toEqual(
    after.map(() => ['canceled', null]),
  );
  expect(after.length).toBeLessThanOrEqual(1);
}

describe.each(providerSteps)('cancelTask during the step %s', (step) => {
  const method = methodOf[step];

  it('returns at once, aborts the call within a second and leaves no sandbox', async () => {
    harness.provider.on(method, hangs());
    const { id } = await harness.create();
    const call = await harness.provider.waitForCall(method, { key: sandboxKey(id) });
    const asked = ownTime.now();
    const canceled = await cancel(id);
    expect(canceled.state.status).toBe('canceled');
    expect(stepOf(canceled.state, step)).toMatchObject({ state: 'failed', deadlineAt: null });
    expect(canceled.state.sessions).toMatchObject([{ status: 'closed' }]);
    await call.aborted;
    expect(ownTime.now() - asked).toBeLessThan(1_000);
    await harness.released(id);
    expect((await harness.find(id)).state.sandbox).toBeNull();
    await expectNothingElse(id);
  });

  it('leaves no sandbox although the provider ignores its signal', async () => {
    const gate = Promise.withResolvers<void>();
    harness.provider.on(method, waitsFor(gate.promise), { ignoresSignal: true, times: 1 });
    const { id } = await harness.create();
    const call = await harness.provider.waitForCall(method, { key: sandboxKey(id) });
    await cancel(id);
    await call.aborted;
    await harness.released(id);
    // The effect comes after the release: the sandbox exists again until that is noticed.
    gate.resolve();
    await call.ended;
    await harness.released(id);
    if (step === 'create_sandbox') {
      expect(harness.provider.timesMade('sandbox', sandboxKey(id))).toBe(1);
      await harness.provider.waitForCall('destroySandbox', { key: sandboxKey(id), nth: 2 });
    }
    await harness.released(id);
    await expectNothingElse(id);
  });
});

describe('cancelTask', () => {
  it('removes the next attempt of a task that waits for one', async () => {
    await harness.stopWorker();
    await harness.startWorker({ GROUNDCREW_RETRY_BASE_MS: '60000' });
    harness.provider.on('ensureAgent', fails());
    const { id } = await harness.create();
    await harness.until(id, ({ state }) => stepOf(state, 'ensure_agent').nextAttemptAt !== null);
    const canceled = await cancel(id);
    expect(canceled.state.steps.map(({ nextAttemptAt }) => nextAttemptAt)).toEqual([null, null, null, null]);
    await harness.released(id);
    await harness.stopWorker();
    await harness.startWorker();
  });

  it('closes the sessions and releases the sandbox of a RUNNING task', async () => {
    const { id } = await harness.create();
    const before = await harness.until(id, 'running');
    await cancel(id);
    await harness.released(id);
    const task = await harness.until(id, ({ state }) => state.sandbox === null);
    expect(task).toMatchObject({ revision: before.revision + 2, state: { status: 'canceled' } });
    expect(task.state.readyAt).toBe(before.state.readyAt);
  });

  it('releases the sandbox that a task in ERROR kept for a retry', async () => {
    harness.provider.on('createSession', fails({ retryable: false }));
    const { id } = await harness.create();
    await harness.until(id, 'error');
    expect(harness.provider.sandboxes.has(sandboxKey(id))).toBe(true);
    await cancel(id);
    await harness.released(id);
  });

  it('leaves nothing to do when no step has been started', async () => {
    await harness.stopWorker();
    const made = await harness.create();
    await cancel(made.id);
    await harness.startWorker();
    const witness = await harness.create();
    await harness.until(witness.id, 'running');
    expect(await harness.find(made.id)).toMatchObject({ revision: 2, state: { status: 'canceled' } });
    expect(harness.provider.calls.filter((call) => call.sandboxKey === sandboxKey(made.id))).toEqual([]);
  });

  it('cancels once and leaves nothing behind at any revision', async () => {
    const made: Task[] = [];
    for (let count = 0; count < 10; count += 1) {
      const task = await harness.create();
      made.push(task);
      await harness.until(task.id, ({ revision }) => revision >= 1 + count);
      expect((await cancel(task.id)).state.status).toBe('canceled');
    }
    for (const { id } of made) {
      await harness.released(id);
      await expectNothingElse(id);
      const history = await harness.history(id);
      expect(history.map(({ revision }) => revision)).toEqual(history.map((_, index) => index + 1));
      expect(
        history.filter(
          (each, index) =>
            each.state.status === 'canceled' && history[index - 1]?.state.status !== 'canceled',
        ),
      ).toHaveLength(1);
    }
    expect(await harness.stored.sql('select from task where leased_by is not null')).toEqual([]);
  });
});

describe('archiveTask', () => {
  it.each(['running', 'error'] as const)(
    'releases the sandbox and keeps the history of a task in %s',
    async (status) => {
      if (status === 'error') harness.provider.on('createSession', fails({ retryable: false }));
      const { id } = await harness.create();
      const before = await harness.until(id, status);
      const archived = await archive(id);
      expect(archived.state).toMatchObject({ status: 'archived', sandbox: before.state.sandbox });
      await harness.released(id);
      const task = await harness.until(id, ({ state }) => state.sandbox === null);
      expect(task.state.status).toBe('archived');
      expect(await harness.history(id)).toHaveLength(task.revision);
      expect((await archive(id)).revision).toBe(task.revision);
      await expect(cancel(id)).rejects.toMatchObject({ code: 'INVALID_STATE', status: 'archived' });
    },
  );
});

describe('I11 the release of a sandbox', () => {
  it('is attempted again after a failure', async () => {
    const { id } = await harness.create();
    await harness.until(id, 'running');
    const rule = harness.provider.on('destroySandbox', fails({ retryable: false }), { times: 2 });
    await cancel(id);
    await harness.released(id);
    expect(rule.calls).toHaveLength(2);
    expect(harness.provider.callsOf('destroySandbox', sandboxKey(id)).map(({ attempt }) => attempt)).toEqual([
      1, 2, 3,
    ]);
  });

  it('is made again when the sandbox exists again', async () => {
    const { id } = await harness.create();
    await harness.until(id, 'running');
    const kept = harness.provider.sandboxes.get(sandboxKey(id));
    await cancel(id);
    await harness.released(id);
    // As if a call that was abandoned had made it just now.
    harness.provider.sandboxes.set(sandboxKey(id), kept as never);
    await harness.stored.sql(`update sweep set swept_at = now() - interval '1 minute'`);
    await waitFor(() => !harness.provider.sandboxes.has(sandboxKey(id)));
  });

  it('spares sandboxes of other installations and of open tasks', async () => {
    const { id } = await harness.create();
    await harness.until(id, 'running');
    const theirs = { ...harness.provider.sandboxes.get(sandboxKey(id)), key: 'task-of-another-installation' };
    harness.provider.sandboxes.set(theirs.key, theirs as never);
    const listed = harness.provider.callsOf('listSandboxes').length;
    for (const nth of [1, 2]) {
      await harness.stored.sql(`update sweep set swept_at = now() - interval '1 minute'`);
      await harness.provider.waitForCall('listSandboxes', { nth: listed + nth });
    }
    expect(harness.provider.sandboxes.has(theirs.key)).toBe(true);
    expect(harness.provider.sandboxes.has(sandboxKey(id))).toBe(true);
    expect(harness.provider.callsOf('destroySandbox', theirs.key)).toEqual([]);
  });

  it('does not wait for a provider that never lists its sandboxes', async () => {
    harness.provider.on('listSandboxes', never);
    await harness.stored.sql(`update sweep set swept_at = now() - interval '1 minute'`);
    await harness.provider.waitForCall('listSandboxes');
    const { id } = await harness.create();
    await harness.until(id, 'running');
    await cancel(id);
    await harness.released(id);
  });
});
