import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connect } from '../support/graphql-ws-client.ts';
import { hangs, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectWholeness } from './support/consistency.ts';
import { createInstallation } from './support/installation.ts';
import { long, patienceMs, tell } from './support/seed.ts';

const stopMs = 10_000;

it.concurrent(
  'hands the steps of a worker over that has to stop, and leaves no job locked',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    const first = await on.startWorker();
    const rules = (['createSandbox', 'ensureAgent', 'createSession'] as const).map((method) =>
      on.provider.on(method, hangs(), { times: 1 }),
    );
    // One of each takes no notice of its signal.
    const stubborn = (['createSandbox', 'ensureAgent', 'createSession'] as const).map((method) =>
      on.provider.on(method, hangs(), { times: 1, ignoresSignal: true }),
    );
    await on.createTasks(10);
    await waitFor(() => [...rules, ...stubborn].every(({ calls }) => calls.length > 0), 20_000);
    const at = performance.now();
    first.kill('SIGTERM');
    expect(await first.exit).toEqual({ code: 0, signal: null });
    const took = performance.now() - at;
    tell('SIGTERM to the end of a worker with running steps', `${Math.round(took)} ms`);
    expect(took).toBeLessThan(stopMs);
    expect(await on.lockedJobs()).toEqual([]);
    expect(await on.sql('select leased_by from task where leased_by is not null')).toEqual([]);
    const states = (await on.tasks()).flatMap(({ state }) => state.steps);
    expect(states.filter(({ state }) => state === 'running')).toEqual([]);
    expect(states.filter(({ failures }) => failures > 0)).toEqual([]);

    const began = performance.now();
    const second = await on.startWorker();
    await on.settled();
    tell('the next worker’s start to all tasks RUNNING', `${Math.round(performance.now() - began)} ms`);
    await expectWholeness(on, { statuses: ['running'] });
    second.kill('SIGTERM');
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(await on.sql('select id from worker')).toEqual([]);
  },
  patienceMs,
);

it.concurrent(
  'ends at once at a second signal',
  async () => {
    await using on = await createInstallation();
    await on.startApi();
    const worker = await on.startWorker();
    const gate = Promise.withResolvers<void>();
    on.provider.on('createSandbox', waitsFor(gate.promise), { ignoresSignal: true, times: 1 });
    await on.createTask();
    await on.provider.waitForCall('createSandbox');
    worker.kill('SIGTERM');
    await waitFor(() => worker.stderr.some((line) => line.includes('"stopping"')));
    const at = performance.now();
    worker.kill('SIGINT');
    expect((await worker.exit).code).toBe(1);
    expect(performance.now() - at).toBeLessThan(1_500);
    await on.startWorker();
    await expectWholeness(on, { statuses: ['running'] });
  },
  patienceMs,
);

it.concurrent(
  'sends the sockets of an API server elsewhere',
  async () => {
    await using on = await createInstallation();
    const api = await on.startApi();
    const id = await on.createTask();
    const client = await connect(on.apiUrl, { token: 'chaos-owner-token' });
    const updates = client.subscribe({
      query: 'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { revision } }',
      variables: { id },
    });
    await updates.next();
    const at = performance.now();
    api.kill('SIGTERM');
    const { code } = await client.closed;
    expect(code).toBe(1012);
    expect(await api.exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - at).toBeLessThan(stopMs);
    await on.startWorker();
    await expectWholeness(on, { statuses: ['running'] });
  },
  patienceMs,
);

it.runIf(long)(
  'stops in time while the database is away',
  async () => {
    const { createOwnCluster } = await import('./support/own-cluster.ts');
    await using cluster = await createOwnCluster();
    await using on = await createInstallation({ databaseUrl: cluster.url });
    const api = await on.startApi();
    const worker = await on.startWorker();
    on.provider.on('createSandbox', hangs(), { times: 1 });
    await on.createTask();
    await on.provider.waitForCall('createSandbox');
    await cluster.stop();
    await delay(1_000);
    const at = performance.now();
    worker.kill('SIGTERM');
    api.kill('SIGTERM');
    const exits = await Promise.all([worker.exit, api.exit]);
    tell('SIGTERM without a database', { exits, ms: Math.round(performance.now() - at) });
    await cluster.start();
    await on.startApi();
    await on.startWorker();
    await expectWholeness(on, { statuses: ['running'] });
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  },
  patienceMs,
);
