import { expect, test } from 'vitest';
import { StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';
import { hang, type Received, Receiver } from '../webhooks/receiver.ts';
import { createInstallation, type Installation } from './support/installation.ts';

const settings = { GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'true' };

/** An API, workers, a receiver with a webhook, and tasks that no worker takes. */
async function createHooked(resources: AsyncDisposableStack) {
  const receiver = resources.use(await Receiver.start());
  const app = resources.use(await createInstallation({ settings }));
  await app.startApi();
  const stored = resources.use(await StoredTasks.connect(app.databaseUrl));
  await app.sql(`alter table task alter column leased_by set default 'the test'`);
  const { errors } = await app.graphql(
    'mutation ($url: String!) { createWebhook(input: { url: $url }) { secret } }',
    { url: receiver.url },
  );
  expect(errors).toBeUndefined();
  return { app, receiver, stored };
}

/** The process of the worker that serves the webhook. */
async function serving(app: Installation): Promise<number> {
  return waitFor(async () => {
    const [row] = await app.sql<{ pid: number }>(
      'select pid from webhook join worker on worker.id = webhook.leased_by',
    );
    return row?.pid;
  });
}

const revisionsOf = (received: readonly Received[]) => received.map(({ message }) => message.data.revision);

test('I15 another worker sends what a killed one was sending, within two seconds, and what comes after it', async () => {
  await using resources = new AsyncDisposableStack();
  const { app, receiver, stored } = await createHooked(resources);
  const workers = await Promise.all([app.startWorker(), app.startWorker()]);
  receiver.answer = hang;
  const task = await stored.create();
  await stored.reviseTimes(task.id, 3);
  await receiver.until(1);
  const pid = await serving(app);
  receiver.answer = (response) => response.writeHead(204).end();
  const killed = performance.now();
  workers.find((worker) => worker.pid === pid)?.kill('SIGKILL');
  await receiver.until(2);
  expect(performance.now() - killed).toBeLessThan(2_000);
  await receiver.until(5);
  expect(revisionsOf(receiver.received)).toEqual([1, 1, 2, 3, 4]);
  expect(receiver.received[1]?.headers['webhook-id']).toBe(receiver.received[0]?.headers['webhook-id']);
});

test('I15 a worker that is stopped hands its webhooks over, and counts no attempt that it broke off', async () => {
  await using resources = new AsyncDisposableStack();
  const { app, receiver, stored } = await createHooked(resources);
  const worker = await app.startWorker();
  receiver.answer = hang;
  await stored.create();
  await receiver.until(1);
  worker.kill('SIGTERM');
  expect((await worker.exit).code).toBe(0);
  expect(await app.sql('select leased_by from webhook')).toEqual([{ leased_by: null }]);
  expect(await app.sql('select state, attempts from webhook_delivery')).toEqual([
    { state: 'pending', attempts: 0 },
  ]);
  receiver.answer = (response) => response.writeHead(204).end();
  await app.startWorker();
  await receiver.until(2);
});

test('I15 a worker goes on with a webhook that it has leased without knowing it', async () => {
  await using resources = new AsyncDisposableStack();
  const { app, receiver, stored } = await createHooked(resources);
  await stored.create();
  await app.sql('truncate graphile_worker._private_jobs');
  await Promise.all([app.startWorker(), app.startWorker()]);
  // As when the reply to the lease was lost, and the job was tried again by the other worker.
  await app.sql('update webhook set leased_by = (select id from worker order by id limit 1)');
  await receiver.until(1);
  await waitFor(async () => (await app.sql('select from webhook where leased_by is null')).length === 1);
});

test('I15 every revision arrives in order while connections of every kind are cut', async () => {
  await using resources = new AsyncDisposableStack();
  const { app, receiver } = await createHooked(resources);
  await Promise.all([app.startWorker(), app.startWorker()]);
  const id = await app.createTask();
  for (let round = 0; round < 5; round += 1) {
    {
      // The test's own connections are of the same kind: they are closed before the others are cut.
      await using stored = await StoredTasks.connect(app.databaseUrl);
      await stored.reviseTimes(id, 10);
    }
    for (const name of ['groundcrew', 'groundcrew worker', 'groundcrew listen'])
      await app.endConnections(name);
  }
  await receiver.until(51);
  await waitFor(
    async () => (await app.sql(`select from webhook_delivery where state <> 'delivered'`)).length === 0,
  );
  const revisions = revisionsOf(receiver.received);
  expect(revisions.filter((revision, index) => revision !== revisions[index - 1])).toEqual(
    Array.from({ length: 51 }, (_, index) => index + 1),
  );
});

test('I15 every revision arrives in order while workers are killed again and again', async () => {
  await using resources = new AsyncDisposableStack();
  const { app, receiver, stored } = await createHooked(resources);
  let workers = await Promise.all([app.startWorker(), app.startWorker()]);
  const tasks = await Promise.all([stored.create(), stored.create(), stored.create()]);
  for (let round = 0; round < 3; round += 1) {
    const before = receiver.received.length;
    const revising = Promise.all(tasks.map((task) => stored.reviseTimes(task.id, 10)));
    await receiver.until(before + 5);
    const [victim, other] = round % 2 === 0 ? workers : workers.toReversed();
    victim?.kill('SIGKILL');
    await revising;
    workers = [other as (typeof workers)[0], await app.startWorker()];
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
      Array.from({ length: 31 }, (_, index) => index + 1),
    );
  }
});
