import { expect, it } from 'vitest';
import { hangs } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { patienceMs } from './support/seed.ts';

/** CONTRACT.md: the sandbox of a canceled or archived task is gone within that. */
const goneMs = 10_000;

it.concurrent(
  'gets tasks there with a single slot, also beside a provider that does not let go of its sandboxes',
  async () => {
    await using on = await createInstallation({ env: { GROUNDCREW_CONCURRENCY: '1' } });
    await on.startApi();
    await on.startWorker();
    const ids = await on.createTasks(2);
    for (const id of ids) await on.waitForStatus(id, 'running');
    const held = on.provider.on('destroySandbox', hangs(), { ignoresSignal: true, times: 2 });
    for (const id of ids) await on.cancelTask(id);
    await waitFor(() => held.calls.length === 2);
    await on.waitForStatus(await on.createTask(), 'running', goneMs);
  },
  patienceMs,
);

it.concurrent(
  'releases sandboxes while all slots are taken',
  async () => {
    await using on = await createInstallation({ env: { GROUNDCREW_CONCURRENCY: '2' } });
    await on.startApi();
    await on.startWorker();
    const ids = await on.createTasks(2);
    for (const id of ids) await on.waitForStatus(id, 'running');
    const taken = on.provider.on('createSandbox', hangs());
    const waiting = await on.createTasks(4);
    await waitFor(() => taken.calls.length === 2);
    for (const id of ids) await on.cancelTask(id);
    await waitFor(() => on.provider.sandboxes.size === 0, goneMs);
    taken.remove();
    for (const id of waiting) await on.cancelTask(id);
    await expectWholeness(on, { statuses: ['canceled'] });
  },
  patienceMs,
);

it.concurrent(
  'goes on with what was under way before it begins what waits',
  async () => {
    await using on = await createInstallation({ env: { GROUNDCREW_CONCURRENCY: '2' } });
    await on.startApi();
    const killed = await on.startWorker();
    const held = on.provider.on('createSandbox', hangs(), { when: ({ pid }) => pid === killed.pid });
    await on.createTasks(12);
    await waitFor(() => held.calls.length === 2);
    killed.kill('SIGKILL');
    await killed.exit;
    const next = await on.startWorker();
    await on.settled();
    const went = on.provider.calls.filter(
      ({ method, pid }) => method === 'createSandbox' && pid === next.pid,
    );
    const keys = (calls: readonly { key: string }[]) => new Set(calls.map(({ key }) => key));
    expect(keys(went.slice(0, 2))).toEqual(keys(held.calls));
    await expectWholeness(on, { statuses: ['running'] });
  },
  patienceMs,
);
