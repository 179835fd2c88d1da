import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../src/free-port.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { MetricsServer } from '../../src/server/metrics-server.ts';
import { createInstallation } from '../chaos/support/installation.ts';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { startExample } from '../server/example-app.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { waitFor } from '../support/wait-for.ts';

/** The value of each line of a metric, by its labels as they are written. */
async function read(url: string, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = '', value = ''] = /^[^{ ]+(\{.*\})? (\S+)$/.exec(line) ?? [];
      return [labels, Number(value)];
    }),
  );
}

const statusOf = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(`${url}/metrics`, { headers })).status;

describe('GET /metrics of npm start', () => {
  let app: StartedApp;
  beforeAll(async () => {
    app = await startApp('start');
    return () => app[Symbol.asyncDispose]();
  });

  it('counts operations by their root field, whatever clients call them, and errors by their code', async () => {
    for (let call = 0; call < 3; call += 1)
      await app.ask(`query Name${call} { alias${call}: providers { name } }`);
    await app.ask('{ viewer { scopes } ...Rest } fragment Rest on Query { providers { name } }');
    await app.send('mutation { cancelTask(id: "task_x") { id } }');
    await app.send('{ unknown }');
    const operations = await read(app.url, 'groundcrew_operation_seconds_count');
    expect(operations).toMatchObject({
      '{type="query",field="providers"}': 3,
      '{type="query",field="several"}': 1,
      '{type="mutation",field="cancelTask"}': 1,
    });
    expect(await read(app.url, 'groundcrew_operation_errors_total')).toEqual({
      '{type="mutation",field="cancelTask",code="NOT_FOUND"}': 1,
    });
    expect(await read(app.url, 'groundcrew_http_requests_total')).toMatchObject({
      '{path="/graphql",status="200"}': expect.any(Number),
    });
    await fetch(`${app.url}/some/path`);
    expect(Object.keys(await read(app.url, 'groundcrew_http_requests_total')).join()).not.toContain('some');
  });

  it('measures the attempts of steps, and how late subscribers hear of a revision', async () => {
    await using repository = await createGitRepository();
    const client = await connect(app.url, { token: app.token });
    const subscription = client.subscribe({ query: 'subscription { tasksUpdated { id status } }' });
    await waitFor(
      async () => (await read(app.url, 'groundcrew_subscriptions'))['{field="tasksUpdated"}'] === 1,
    );
    expect(await read(app.url, 'groundcrew_sockets')).toEqual({ '': 1 });
    const id = await app.create({ repoUrl: repository.path });
    for (let status = ''; status !== 'RUNNING'; ) {
      const { payload } = (await subscription.next()) as {
        payload: { data: { tasksUpdated: { status: string } } };
      };
      status = payload.data.tasksUpdated.status;
    }
    const { node } = await app.ask<{ node: { provider: string } }>(
      'query ($id: ID!) { node(id: $id) { ... on Task { provider } } }',
      { id },
    );
    const labels = (step: string) => `{step="${step}",provider="${node.provider}"}`;
    expect(await read(app.url, 'groundcrew_attempt_seconds_count')).toEqual({
      [labels('ensure_name')]: 1,
      [labels('create_sandbox')]: 1,
      [labels('ensure_agent')]: 1,
      [labels('create_session')]: 1,
    });
    const batches = Object.keys(await read(app.url, 'groundcrew_batch_size_count'));
    expect(batches).toEqual(expect.arrayContaining(['{of="create"}', '{of="change"}']));
    const { '': delivered = 0 } = await read(app.url, 'groundcrew_delivery_seconds_count');
    expect(delivered).toBeGreaterThan(0);
    // In seconds by the clock of the database, which is this machine's.
    const { '': seconds = 0 } = await read(app.url, 'groundcrew_delivery_seconds_sum');
    expect(seconds / delivered).toBeLessThan(30);
    await client.close();
    await waitFor(
      async () => (await read(app.url, 'groundcrew_subscriptions'))['{field="tasksUpdated"}'] === 0,
    );
    expect(await read(app.url, 'groundcrew_sockets')).toEqual({ '': 0 });
  });

  it('does not count what a subscriber missed as late', async () => {
    // Of a task that nobody changes any more.
    await using repository = await createGitRepository();
    const id = await app.create({ repoUrl: repository.path });
    await waitFor(async () => {
      const { task } = await app.ask<{ task: { status: string } }>(
        'query ($id: ID!) { task(id: $id) { status } }',
        { id },
      );
      return task.status === 'RUNNING';
    });
    const before = await read(app.url, 'groundcrew_delivery_seconds_count');
    const client = await connect(app.url, { token: app.token });
    const subscription = client.subscribe({
      query: 'subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { revision } }',
      variables: { id },
    });
    await subscription.next();
    await client.close();
    expect(await read(app.url, 'groundcrew_delivery_seconds_count')).toEqual(before);
  });

  it('has the figures of the database, of the pool and of the process', async () => {
    expect(await read(app.url, 'groundcrew_database_up')).toEqual({ '': 1 });
    expect(await read(app.url, 'groundcrew_workers')).toEqual({ '': 1 });
    expect(await read(app.url, 'groundcrew_tasks_overdue')).toEqual({ '': 0 });
    expect(Object.keys(await read(app.url, 'groundcrew_db_connections'))).toEqual([
      '{state="used"}',
      '{state="idle"}',
      '{state="waiting"}',
    ]);
    expect(Object.keys(await read(app.url, 'nodejs_eventloop_lag_p99_seconds'))).toEqual(['']);
  });
});

describe('GET /metrics of npm run worker', () => {
  it('is served on the port of its setting, and says what the worker did', async () => {
    await using app = await createInstallation();
    await app.startApi();
    const port = await freePort();
    await app.startWorker({ GROUNDCREW_METRICS_PORT: String(port) });
    const url = `http://127.0.0.1:${port}`;
    await app.createTasks(1);
    await app.settled();
    expect(Object.values(await read(url, 'groundcrew_attempt_seconds_count'))).toEqual([1, 1, 1, 1]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/graphql`)).status).toBe(404);
  });

  it('is for the owner alone where others reach it', async () => {
    const metrics = new Metrics();
    const healthReport = async () => 'ok\n';
    const server = new MetricsServer({
      host: '0.0.0.0',
      port: 0,
      token: 'of-the-owner',
      metrics,
      healthReport,
    });
    const { port } = await server.start();
    onTestFinished(() => server.stop());
    const url = `http://127.0.0.1:${port}`;
    expect(await statusOf(url)).toBe(401);
    expect(await statusOf(url, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await statusOf(url, { authorization: 'Bearer of-the-owner' })).toBe(200);
  });
});

describe('GET /metrics', () => {
  it('needs no token on a loopback HOST, unless a proxy passes the request on', async () => {
    const { url } = await startExample();
    expect(await statusOf(url)).toBe(200);
    expect(await statusOf(url, { 'x-forwarded-for': '203.0.113.9' })).toBe(401);
    expect(await statusOf(url, { origin: 'https://elsewhere.example' })).toBe(403);
  });

  it('is for the owner alone on every other HOST', async () => {
    const { url } = await startExample({}, [], { host: '0.0.0.0' });
    expect(await statusOf(url)).toBe(401);
    expect(await statusOf(url, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await statusOf(url, { authorization: 'Bearer good-a' })).toBe(403);
    expect(await statusOf(url, { authorization: 'Bearer good-owner' })).toBe(200);
  });
});
