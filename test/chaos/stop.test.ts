import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { type ApiProcess, GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { createOwnCluster } from '../support/own-cluster.ts';
import { isRunning, type StartedProcess } from '../support/processes.ts';
import { hangs, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';

const stopMs = 10_000;

/** Of all tests, which go on with the worker that the one before has left: a start costs more than a test. */
let app: Installation;
let api: ApiProcess;
let left: StartedProcess | undefined;

beforeAll(async () => {
  app = await createInstallation();
  api = await app.startApi();
}, testTimeout);
afterEach(() => app.provider.reset());
afterAll(() => app[Symbol.asyncDispose]());

/** The only worker. */
async function onlyWorker(): Promise<StartedProcess> {
  if (!left || !isRunning(left.pid)) left = await app.startWorker();
  return left;
}

it(
  'I12 hands over the running steps of a worker that is stopped, and leaves no job locked',
  async () => {
    const first = await onlyWorker();
    const rules = (['createSandbox', 'ensureAgent', 'createSession'] as const).map((method) =>
      app.provider.on(method, hangs(), { times: 1 }),
    );
    // One call of each method ignores its signal.
    const stubborn = (['createSandbox', 'ensureAgent', 'createSession'] as const).map((method) =>
      app.provider.on(method, hangs(), { times: 1, ignoresSignal: true }),
    );
    await app.createTasks(10);
    await waitFor(() => [...rules, ...stubborn].every(({ calls }) => calls.length > 0), 20_000);
    const at = app.now();
    first.kill('SIGTERM');
    expect(await first.exit).toEqual({ code: 0, signal: null });
    const took = app.now() - at;
    report('SIGTERM to the end of a worker with running steps', `${Math.round(took)} ms`);
    expect(took).toBeLessThan(stopMs);
    expect(await app.lockedJobs()).toEqual([]);
    expect(await app.sql('select leased_by from task where leased_by is not null')).toEqual([]);
    expect(await app.sql('select id from worker')).toEqual([]);
    const states = (await app.tasks()).flatMap(({ state }) => state.steps);
    expect(states.filter(({ state }) => state === 'running')).toEqual([]);
    expect(states.filter(({ failures }) => failures > 0)).toEqual([]);

    const began = app.now();
    await onlyWorker();
    await app.settled();
    report('the next worker’s start to all tasks RUNNING', `${Math.round(app.now() - began)} ms`);
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);

it(
  'ends a worker at once at a second signal',
  async () => {
    const worker = await onlyWorker();
    const gate = Promise.withResolvers<void>();
    app.provider.on('createSandbox', waitsFor(gate.promise), { ignoresSignal: true, times: 1 });
    const { key } = await app.task(await app.createTask());
    await app.provider.waitForCall('createSandbox', { key });
    worker.kill('SIGTERM');
    await worker.waitForLine(/"stopping"/, 30_000, 'stderr');
    const at = app.now();
    worker.kill('SIGINT');
    expect((await worker.exit).code).toBe(1);
    expect(app.now() - at).toBeLessThan(1_500);
    await onlyWorker();
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);

it(
  'closes the sockets of an API server that is stopped with 1012',
  async () => {
    const id = await app.createTask();
    const client = await connect(app.apiUrl, { token: GroundcrewProcesses.token });
    const updates = client.subscribe({
      query: 'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { revision } }',
      variables: { id },
    });
    await updates.next();
    const at = app.now();
    api.kill('SIGTERM');
    const { code } = await client.closed;
    expect(code).toBe(1012);
    expect(await api.exit).toEqual({ code: 0, signal: null });
    expect(app.now() - at).toBeLessThan(stopMs);
    await onlyWorker();
    await expectConsistency(app, { statuses: ['running'] });
  },
  testTimeout,
);

it.runIf(isLong)(
  'I12 stops in time while the database is away',
  async () => {
    await using cluster = await createOwnCluster();
    await using app = await createInstallation({ databaseUrl: cluster.url });
    const api = await app.startApi();
    const worker = await app.startWorker();
    app.provider.on('createSandbox', hangs(), { times: 1 });
    await app.createTask();
    await app.provider.waitForCall('createSandbox');
    await cluster.stop();
    for (const each of [worker, api]) await each.waitForLine(/database session lost/, 30_000, 'stderr');
    const at = app.now();
    worker.kill('SIGTERM');
    api.kill('SIGTERM');
    const exits = await Promise.all([worker.exit, api.exit]);
    report('SIGTERM without a database', { exits, ms: Math.round(app.now() - at) });
    await cluster.start();
    await app.startApi();
    await app.startWorker();
    await expectConsistency(app, { statuses: ['running'] });
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  },
  testTimeout,
);
