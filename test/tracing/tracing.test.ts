import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { createInstallation } from '../chaos/support/installation.ts';
import { createTestDatabase } from '../support/database.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

it('one trace goes from the request of createTask over the job and its steps to each call of the provider', async () => {
  await using receiver = await startOtlpReceiver();
  await using app = await createInstallation({
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '50' },
  });
  const api = await app.startApi();
  await app.startWorker();
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${GroundcrewProcesses.token}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({
      query: 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id } }',
      variables: { input: { repoUrl: 'https://git.test/acme/shop.git', prompt: 'Mend the door' } },
    }),
  });
  expect(await response.json()).toMatchObject({ data: { createTask: {} } });
  await app.settled();

  const find = (name: string) =>
    receiver.spans.find((span) => span.name === name && span.traceId === traceId);
  const path = ['POST /graphql', 'mutation createTask', 'provisionTask'];
  const steps = {
    create_sandbox: 'createSandbox',
    ensure_agent: 'ensureAgent',
    create_session: 'createSession',
  };
  for (const [step, method] of Object.entries(steps)) {
    const names = [...path, step, `provider ${method}`];
    const spans = await waitFor(() => {
      const found = names.map(find);
      return found.every((span) => span !== undefined) && (found as ReceivedSpan[]);
    });
    expect(spans.map(({ parentId }) => parentId)).toEqual([
      '00f067aa0ba902b7',
      ...spans.slice(0, -1).map(({ spanId }) => spanId),
    ]);
    const [server, worker] = ['groundcrew-api', 'groundcrew-worker'];
    expect(spans.map(({ service }) => service)).toEqual([server, server, worker, worker, worker]);
  }
  // Probes and metrics are no part of it.
  await fetch(`${api.url}/healthz`);
  expect(receiver.spans.filter(({ name }) => name.includes('healthz'))).toEqual([]);
});

it('loads nothing of OpenTelemetry unless a setting asks for traces', async () => {
  const database = await createTestDatabase();
  await using processes = await GroundcrewProcesses.create({ DATABASE_URL: database.url });
  const hook = resolve(import.meta.dirname, '../support/print-opentelemetry.mjs');
  const loads = ({ stderr }: StartedProcess) => stderr.filter((line) => line.startsWith('loads ')).length;
  await using api = startProcess(['node', '--import', hook, 'src/main.ts', 'api'], {
    env: { DATABASE_URL: database.url, GROUNDCREW_DATA_DIR: processes.dataDir, PORT: '0' },
  });
  await api.waitForLine(/^groundcrew ready/);
  api.kill();
  await api.exit;
  expect(loads(api)).toBe(0);
  // What is loaded with the setting is seen in this way.
  await using traced = startProcess(['node', '--import', hook, 'src/tracing/open-telemetry.ts']);
  await traced.exit;
  expect(loads(traced)).toBeGreaterThan(5);
  await database.drop();
});
