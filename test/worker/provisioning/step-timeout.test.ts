import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import { stepOf } from '../../../src/tasks/domain/task-state.ts';
import { waitsFor } from '../../support/scripted-provider.ts';
import { hangs, methodOf, providerSteps, startWorkerHarness, type WorkerHarness } from '../worker-harness.ts';

let harness: WorkerHarness;
beforeAll(async () => {
  harness = await startWorkerHarness({
    GROUNDCREW_STEP_TIMEOUT_MS: '400',
    GROUNDCREW_STEP_MAX_ATTEMPTS: '2',
  });
});
afterEach(() => harness.provider.reset());
afterAll(() => harness[Symbol.asyncDispose]());

describe.each(providerSteps)('a timeout of the step %s', (step) => {
  const method = methodOf[step];

  it('aborts the signal, records STEP_TIMEOUT and is followed by another attempt', async () => {
    harness.provider.on(method, hangs(), { times: 1 });
    const { id } = await harness.create();
    const call = await harness.provider.waitForCall(method, { key: sandboxKey(id) });
    const during = stepOf((await harness.find(id)).state, step);
    expect(Date.parse(during.deadlineAt ?? '') - Date.parse(during.startedAt ?? '')).toBe(400);
    await call.aborted;
    const task = await harness.until(id, 'running');
    expect(stepOf(task.state, step)).toMatchObject({
      attempt: 2,
      error: { code: 'STEP_TIMEOUT', step, retryable: true },
    });
  });

  it('ends the attempt although the provider ignores its signal', async () => {
    const gate = Promise.withResolvers<void>();
    harness.provider.on(method, waitsFor(gate.promise), { ignoresSignal: true });
    const { id } = await harness.create();
    const task = await harness.until(id, 'error');
    expect(task.state.error).toMatchObject({ code: 'STEP_TIMEOUT', step });
    const calls = harness.provider.callsOf(method, sandboxKey(id));
    expect(calls).toHaveLength(2);
    for (const call of calls) await call.aborted;
    // A late answer changes nothing.
    gate.resolve();
    for (const call of harness.provider.callsOf(method, sandboxKey(id))) await call.ended;
    expect(await harness.find(id)).toEqual(task);
  });
});
