import { expect, it } from 'vitest';
import { testTimeout } from '../support/chaos-form.ts';
import { hangs } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';

/** A promise: milliseconds within which the sandbox of a canceled or archived task is gone. */
const goneMs = 10_000;

it.concurrent(
  'I7 completes tasks in a single slot while the provider hangs in releasing sandboxes',
  async () => {
    await using app = await createInstallation({ settings: { GROUNDCREW_CONCURRENCY: '1' } });
    await app.startApi();
    await app.startWorker();
    const ids = await app.createTasks(2);
    for (const id of ids) await app.waitForStatus(id, 'running');
    const held = app.provider.on('destroySandbox', hangs(), { ignoresSignal: true, times: 2 });
    for (const id of ids) await app.cancelTask(id);
    await waitFor(() => held.calls.length === 2);
    await app.waitForStatus(await app.createTask(), 'running', goneMs);
  },
  testTimeout,
);

it.concurrent(
  'I7 releases sandboxes while all slots are taken',
  async () => {
    await using app = await createInstallation({ settings: { GROUNDCREW_CONCURRENCY: '2' } });
    await app.startApi();
    await app.startWorker();
    const ids = await app.createTasks(2);
    for (const id of ids) await app.waitForStatus(id, 'running');
    const taken = app.provider.on('createSandbox', hangs());
    const waiting = await app.createTasks(4);
    await waitFor(() => taken.calls.length === 2);
    for (const id of ids) await app.cancelTask(id);
    await waitFor(() => app.provider.sandboxes.size === 0, goneMs);
    taken.remove();
    for (const id of waiting) await app.cancelTask(id);
    await expectConsistency(app, { statuses: ['canceled'] });
  },
  testTimeout,
);

it.concurrent(
  'I9 continues interrupted tasks before it starts queued ones',
  async () => {
    await using app = await createInstallation({ settings: { GROUNDCREW_CONCURRENCY: '2' } });
    await app.startApi();
    const killed = await app.startWorker();
    const held = app.provider.on('createSandbox', hangs(), { when: ({ pid }) => pid === killed.pid });
    await app.createTasks(12);
    await waitFor(() => held.calls.length === 2);
    killed.kill('SIGKILL');
    await killed.exit;
    const next = await app.startWorker();
    await app.settled();
    const went = app.provider.calls.filter(
      ({ method, pid }) => method === 'createSandbox' && pid === next.pid,
    );
    const keys = (calls: readonly { key: string }[]) => new Set(calls.map(({ key }) => key));
    expect(keys(went.slice(0, 2))).toEqual(keys(held.calls));
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);
