import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { StartedProcess } from '../support/processes.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';
import { hang, type Received, Receiver } from '../webhooks/receiver.ts';
import { createInstallation, type Installation } from './support/installation.ts';

/** Of all tests, which go on with the workers that the one before has left: a start costs more than a test. */
let app: Installation;
let stored: StoredTasks;
const workers: StartedProcess[] = [];
/** Has a webhook, for each test anew. */
let receiver: Receiver;

beforeAll(async () => {
  app = await createInstallation({ settings: { GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'true' } });
  await app.startApi();
  stored = await StoredTasks.connect(app.databaseUrl);
  // No worker takes the tasks.
  await app.sql(`alter table task alter column leased_by set default 'the test'`);
});
afterAll(async () => {
  await stored[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});
beforeEach(async () => {
  receiver = await Receiver.start();
  const { errors } = await app.graphql(
    'mutation ($url: String!) { createWebhook(input: { url: $url }) { secret } }',
    { url: receiver.url },
  );
  expect(errors).toBeUndefined();
});
afterEach(async () => {
  // Not truncate: workers send for the test before, and the two would wait for each other's locks on these tables.
  await app.sql('delete from webhook_delivery');
  await app.sql('delete from webhook');
  await receiver[Symbol.asyncDispose]();
});

/** Has so many workers run, and no others. */
async function runWorkers(count: number): Promise<void> {
  for (const worker of [...workers.slice(count)]) await endWorker(worker);
  while (workers.length < count) workers.push(await app.startWorker());
}

async function endWorker(worker: StartedProcess, signal: NodeJS.Signals = 'SIGKILL') {
  workers.splice(workers.indexOf(worker), 1);
  worker.kill(signal);
  return worker.exit;
}

/** The worker that serves the webhook. */
async function serving(): Promise<StartedProcess> {
  return waitFor(async () => {
    const [row] = await app.sql<{ pid: number }>(
      'select pid from webhook join worker on worker.id = webhook.leased_by',
    );
    return workers.find(({ pid }) => pid === row?.pid);
  });
}

const revisionsOf = (received: readonly Received[]) => received.map(({ message }) => message.data.revision);

test('I15 a worker goes on with a webhook that it has leased without knowing it', async () => {
  await runWorkers(0);
  await stored.create();
  await app.sql('truncate graphile_worker._private_jobs');
  await runWorkers(2);
  // As when the reply to the lease was lost, and the job was tried again by the other worker.
  await app.sql('update webhook set leased_by = (select id from worker order by id limit 1)');
  await receiver.until(1);
  await waitFor(async () => (await app.sql('select from webhook where leased_by is null')).length === 1);
});

test('I15 another worker sends what a killed one was sending, within two seconds, and what comes after it', async () => {
  await runWorkers(2);
  receiver.answer = hang;
  const task = await stored.create();
  await stored.reviseTimes(task.id, 3);
  await receiver.until(1);
  const worker = await serving();
  receiver.answer = (response) => response.writeHead(204).end();
  const killed = performance.now();
  void endWorker(worker);
  await receiver.until(2);
  expect(performance.now() - killed).toBeLessThan(2_000);
  await receiver.until(5);
  expect(revisionsOf(receiver.received)).toEqual([1, 1, 2, 3, 4]);
  expect(receiver.received[1]?.headers['webhook-id']).toBe(receiver.received[0]?.headers['webhook-id']);
});

test('I15 a worker that is stopped hands its webhooks over, and counts no attempt that it broke off', async () => {
  await runWorkers(1);
  receiver.answer = hang;
  await stored.create();
  await receiver.until(1);
  expect((await endWorker(await serving(), 'SIGTERM')).code).toBe(0);
  expect(await app.sql('select leased_by from webhook')).toEqual([{ leased_by: null }]);
  expect(await app.sql('select state, attempts from webhook_delivery')).toEqual([
    { state: 'pending', attempts: 0 },
  ]);
  receiver.answer = (response) => response.writeHead(204).end();
  await runWorkers(1);
  await receiver.until(2);
});

test('I15 every revision arrives in order while connections of every kind are cut', async () => {
  await runWorkers(2);
  const id = await app.createTask();
  for (let round = 0; round < 3; round += 1) {
    {
      // The test's own connections are of the same kind: they are closed before the others are cut.
      await using stored = await StoredTasks.connect(app.databaseUrl);
      await stored.reviseTimes(id, 10);
    }
    for (const name of ['groundcrew', 'groundcrew worker', 'groundcrew listen'])
      await app.endConnections(name);
  }
  await receiver.until(31);
  await waitFor(
    async () => (await app.sql(`select from webhook_delivery where state <> 'delivered'`)).length === 0,
  );
  const revisions = revisionsOf(receiver.received);
  expect(revisions.filter((revision, index) => revision !== revisions[index - 1])).toEqual(
    Array.from({ length: 31 }, (_, index) => index + 1),
  );
});

test('I15 every revision arrives in order while workers are killed again and again', async () => {
  await runWorkers(2);
  const tasks = await Promise.all([stored.create(), stored.create(), stored.create()]);
  for (let round = 0; round < 2; round += 1) {
    const before = receiver.received.length;
    const revising = Promise.all(tasks.map((task) => stored.reviseTimes(task.id, 10)));
    await receiver.until(before + 5);
    // The one that has run longer.
    void endWorker(workers[0] as StartedProcess);
    await revising;
    if (round === 0) await runWorkers(2);
  }
  await waitFor(
    async () => (await app.sql(`select from webhook_delivery where state <> 'delivered'`)).length === 0,
  );
  for (const task of tasks) {
    const revisions = revisionsOf(
      receiver.received.filter(({ message }) => message.data.task.id === task.id),
    );
    // What a killed worker has sent and not recorded comes again; nothing else repeats, and nothing is left out.
    expect(revisions.filter((revision, index) => revision !== revisions[index - 1])).toEqual(
      Array.from({ length: 21 }, (_, index) => index + 1),
    );
  }
});
