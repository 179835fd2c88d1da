import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { testTimeout } from '../support/chaos-form.ts';
import type { StartedProcess } from '../support/processes.ts';
import { hangs, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';

/** A promise: milliseconds within which the sandbox of a canceled or archived task is gone. */
const goneMs = 10_000;
const slots = 2;

/** Of all tests, which go on with the worker that the one before has left: a start costs more than a test. */
let app: Installation;
let worker: StartedProcess;

beforeAll(async () => {
  app = await createInstallation({ settings: { GROUNDCREW_CONCURRENCY: String(slots) } });
  await app.startApi();
  worker = await app.startWorker();
}, testTimeout);
afterEach(() => app.provider.reset());
afterAll(() => app[Symbol.asyncDispose]());

it(
  'I7 completes tasks while the provider hangs in releasing as many sandboxes as there are slots',
  async () => {
    const ids = await app.createTasks(slots);
    for (const id of ids) await app.waitForStatus(id, 'running');
    const gate = Promise.withResolvers<void>();
    const held = app.provider.on('destroySandbox', waitsFor(gate.promise), { ignoresSignal: true });
    for (const id of ids) await app.cancelTask(id);
    await waitFor(() => held.calls.length === slots);
    const next = await app.createTask();
    await app.waitForStatus(next, 'running', goneMs);
    gate.resolve();
    await app.cancelTask(next);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it(
  'I7 releases sandboxes while all slots are taken',
  async () => {
    const ids = await app.createTasks(slots);
    for (const id of ids) await app.waitForStatus(id, 'running');
    const taken = app.provider.on('createSandbox', hangs());
    const waiting = await app.createTasks(2 * slots);
    await waitFor(() => taken.calls.length === slots);
    for (const id of ids) await app.cancelTask(id);
    await waitFor(() => app.provider.sandboxes.size === 0, goneMs);
    taken.remove();
    for (const id of waiting) await app.cancelTask(id);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it(
  'I9 continues interrupted tasks before it starts queued ones',
  async () => {
    const killed = worker;
    const held = app.provider.on('createSandbox', hangs(), { when: ({ pid }) => pid === killed.pid });
    const ids = await app.createTasks(6 * slots);
    await waitFor(() => held.calls.length === slots);
    killed.kill('SIGKILL');
    await killed.exit;
    worker = await app.startWorker();
    await app.settled();
    const went = app.provider.calls.filter(
      ({ method, pid }) => method === 'createSandbox' && pid === worker.pid,
    );
    const keys = (calls: readonly { key: string }[]) => new Set(calls.map(({ key }) => key));
    expect(keys(went.slice(0, slots))).toEqual(keys(held.calls));
    await expectConsistency(app, { statuses: ['running', 'canceled'] });
    for (const id of ids) expect((await app.task(id)).status).toBe('running');
  },
  testTimeout,
);
