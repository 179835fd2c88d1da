import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/tasks/store/audit-log.ts';
import { ownTime } from '../support/own-time.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CreatedWebhook, HookedApp } from './hooked-app.ts';
import { accept, hang, type Received, Receiver, refuse } from './receiver.ts';

let hooked: HookedApp;
let receiver: Receiver;
beforeAll(async () => {
  hooked = await HookedApp.start();
});
beforeEach(async () => {
  // Not truncate: the worker sends for the test before, and the two would wait for each other's locks on these tables.
  await hooked.stored.sql('delete from webhook_delivery');
  await hooked.stored.sql('delete from webhook');
  receiver = await Receiver.start();
  return () => receiver[Symbol.asyncDispose]();
});
afterAll(() => hooked[Symbol.asyncDispose]());

const revisionsOf = (received: readonly Received[], taskId: string) =>
  received
    .filter(({ message }) => message.data.task?.id === taskId)
    .map(({ message }) => message.data.revision);
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const verifies = (secret: string, { body, headers }: Received) => {
  try {
    new Webhook(secret).verify(body, headers as unknown as Record<string, string>);
    return true;
  } catch {
    return false;
  }
};

/** The names of all fields, in their order. */
function namesIn(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => namesIn(inner, `${path}.${name}`));
}

describe('a webhook', () => {
  it('I15 receives every revision, each task in its order, with the event as its message id', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    const tasks = await Promise.all(range(4).map(() => hooked.stored.create()));
    await Promise.all(tasks.map((task) => hooked.stored.reviseTimes(task.id, 9)));
    await receiver.until(40);
    for (const task of tasks) expect(revisionsOf(receiver.received, task.id)).toEqual(range(10));
    const deliveries = await hooked.allDelivered(id);
    expect(deliveries.map(({ attempts, responseStatus }) => [attempts, responseStatus])).toEqual(
      deliveries.map(() => [1, 204]),
    );
    const events = await hooked.stored.sql<{ id: string }>('select id from task_event where task_id = ?', [
      tasks[0]?.id,
    ]);
    const messageIds = receiver.received
      .filter(({ message }) => message.data.task.id === tasks[0]?.id)
      .map(({ headers }) => headers['webhook-id']);
    expect(messageIds.toSorted()).toEqual(events.map((event) => event.id).toSorted());
  });

  it('is told what the task was at the revision, in the words of the API, and no prompt', async () => {
    await hooked.createWebhook(receiver.url);
    const task = await hooked.stored.create({ title: 'Mend the door', prompt: 'the whole prompt' });
    await hooked.stored.change(
      task.id,
      { type: 'stepStarted', step: 'ensure_name', timeoutMs: 1_000 },
      {
        type: 'stepFailed',
        step: 'ensure_name',
        error: { code: 'NAME_FAILED', message: 'No name.', step: 'ensure_name', retryable: true },
        retryMs: null,
      },
    );
    const [created, , failed] = await receiver.until(3);
    expect(created?.message).toMatchObject({
      type: 'task.created',
      timestamp: task.createdAt,
      data: {
        workspaceId: hooked.stored.workspace.id,
        revision: 1,
        error: null,
        actor: 'owner',
        task: { id: task.id, revision: 1, status: 'INIT_ENQUEUE_PROVISION', title: 'Mend the door' },
      },
    });
    const error = { code: 'NAME_FAILED', message: 'No name.', step: 'ENSURE_NAME', retryable: true };
    expect(failed?.message).toMatchObject({
      type: 'step.failed',
      data: { revision: 3, step: 'ENSURE_NAME', error, actor: 'system', task: { status: 'ERROR', error } },
    });
    expect(receiver.received.map(({ body }) => body).join()).not.toContain('the whole prompt');
    const [, example] = /^```json\n([\s\S]*?)^```$/m.exec(await readFile('docs/webhooks.md', 'utf8')) ?? [];
    expect(namesIn(created?.message)).toEqual(namesIn(JSON.parse(example as string)));
  });

  it('receives only the kinds that it asks for, and nothing of another workspace', async () => {
    await hooked.createWebhook(receiver.url, ['task.canceled']);
    await hooked.stored.create({}, await hooked.stored.createWorkspace());
    const task = await hooked.stored.create();
    await hooked.stored.change(task.id, { type: 'taskCanceled' });
    await receiver.until(1);
    expect(await hooked.stored.sql('select kind from webhook_delivery')).toEqual([{ kind: 'task.canceled' }]);
  });

  it('signs with its own secret, so that standardwebhooks verifies it', async () => {
    const { secret } = await hooked.createWebhook(receiver.url);
    const other = await hooked.createWebhook(receiver.url);
    await hooked.stored.create({ title: 'Größe ✓' });
    const [first] = (await receiver.until(2)) as [Received];
    const verifying = [secret, other.secret].filter((each) => verifies(each, first));
    expect(verifying).toHaveLength(1);
    expect(verifies(verifying[0] as string, { ...first, body: `${first.body} ` })).toBe(false);
  });
});

describe('a secret', () => {
  it('that is rotated signs together with the new one for 24 hours, and not after them', async () => {
    const { id, secret } = await hooked.createWebhook(receiver.url);
    const rotated = await hooked.call<{ secret: string }>('rotateWebhookSecret', id, 'secret');
    expect(rotated.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(rotated.secret).not.toBe(secret);
    await hooked.stored.create();
    const [first] = (await receiver.until(1)) as [Received];
    expect([secret, rotated.secret].map((each) => verifies(each, first))).toEqual([true, true]);

    await hooked.stored.sql(`update webhook set previous_secret_until = now() - interval '1 second'`);
    await hooked.stored.create();
    const [, second] = (await receiver.until(2)) as [Received, Received];
    expect([secret, rotated.secret].map((each) => verifies(each, second))).toEqual([false, true]);
  });
});

describe('a receiver', () => {
  it('I15 that was down receives everything in order once it is back', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    await receiver.stop();
    const tasks = await Promise.all(range(3).map(() => hooked.stored.create()));
    await waitFor(async () => (await hooked.deliveries(id)).some(({ attempts }) => attempts > 1));
    const [failing] = (await hooked.deliveries(id)).filter(({ attempts }) => attempts > 1);
    expect(failing).toMatchObject({ state: 'PENDING', error: expect.stringMatching(/ECONNREFUSED/) });
    expect((await hooked.webhook(id)).failingSince).not.toBeNull();
    await Promise.all(tasks.map((task) => hooked.stored.reviseTimes(task.id, 4)));
    // As after an hour: the next attempt is minutes away.
    await hooked.letPass(id, '1 hour');
    await waitFor(async () => {
      const [hook] = await hooked.stored.sql(
        `select from webhook where retry_at > now() + interval '5 minutes'`,
      );
      return hook !== undefined;
    });
    await receiver.start();
    // No pause is longer than ten minutes.
    await hooked.letPass(id, '15 minutes');
    await hooked.allDelivered(id);
    for (const task of tasks) expect(revisionsOf(receiver.received, task.id)).toEqual(range(5));
    expect((await hooked.webhook(id)).failingSince).toBeNull();
  });

  it('that is back receives everything with the first new revision, whatever its pause', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    receiver.answer = refuse;
    const task = await hooked.stored.create();
    await receiver.until(2);
    await hooked.letPass(id, '1 hour');
    await waitFor(async () => {
      const [due] = await hooked.stored.sql(
        `select from webhook_delivery where next_attempt_at > now() + interval '5 minutes'`,
      );
      return due !== undefined;
    });
    receiver.answer = accept;
    const other = await hooked.stored.create();
    await hooked.allDelivered(id, 10_000);
    expect(revisionsOf(receiver.received, other.id)).toEqual([1]);
    expect(revisionsOf(receiver.received, task.id).at(-1)).toBe(1);
  });

  it('I15 that refuses a revision receives no later one of its task, and those of others', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    const bad = await hooked.stored.create();
    await receiver.until(1);
    receiver.answer = (response, { message: { data } }) =>
      response.writeHead(data.task.id === bad.id && data.revision === 2 ? 500 : 200).end();
    await hooked.stored.reviseTimes(bad.id, 3);
    const good = await hooked.stored.create();
    await hooked.stored.reviseTimes(good.id, 3);
    await waitFor(() => revisionsOf(receiver.received, good.id).length === 4);
    await waitFor(() => revisionsOf(receiver.received, bad.id).length > 3);
    expect(new Set(revisionsOf(receiver.received, bad.id))).toEqual(new Set([1, 2]));
    receiver.answer = accept;
    await hooked.allDelivered(id);
    expect(revisionsOf(receiver.received, bad.id).slice(-3)).toEqual([2, 3, 4]);
  });

  it('that hangs delays nobody else', async () => {
    const hanging = await Promise.all(range(6).map(() => Receiver.start()));
    for (const each of hanging) {
      each.answer = hang;
      await hooked.createWebhook(each.url);
    }
    const good = await hooked.createWebhook(receiver.url);
    const tasks = await Promise.all(range(10).map(() => hooked.stored.create()));
    await Promise.all(hanging.map((each) => each.until(1)));
    const start = ownTime.now();
    await Promise.all(tasks.map((task) => hooked.stored.reviseTimes(task.id, 2)));
    await waitFor(() => receiver.received.length === 30);
    await hooked.allDelivered(good.id);
    // Less than the time that the others are given to answer.
    expect(ownTime.now() - start).toBeLessThan(9_000);
    await hooked.stored.sql('delete from webhook');
    await Promise.all(hanging.map((each) => each[Symbol.asyncDispose]()));
  });

  it('that redirects is not followed, and says so', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    await using elsewhere = await Receiver.start();
    receiver.answer = (response) => response.writeHead(302, { location: elsewhere.url }).end();
    await hooked.stored.create();
    await waitFor(async () => (await hooked.deliveries(id))[0]?.attempts === 1);
    expect((await hooked.deliveries(id))[0]).toMatchObject({
      responseStatus: 302,
      error: 'The receiver answered with HTTP status 302. Redirects are not followed.',
    });
    expect(elsewhere.received).toEqual([]);
  });
});

describe('a webhook that is not accepted for three days', () => {
  async function fail(): Promise<CreatedWebhook> {
    const hook = await hooked.createWebhook(receiver.url);
    receiver.answer = refuse;
    await hooked.stored.create();
    await receiver.until(1);
    await waitFor(async () => (await hooked.webhook(hook.id)).failingSince);
    return hook;
  }

  it('I15 is switched off and says why, and sends what waits once it is switched on again', async () => {
    const { id } = await fail();
    const attempts = receiver.received.length;
    await hooked.letPass(id, '71 hours 30 minutes');
    await receiver.until(attempts + 1);
    // Time that passes before the attempt is stored would not bring the next one nearer.
    await waitFor(async () => (await hooked.deliveries(id))[0]?.attempts === 2);
    expect(await hooked.webhook(id)).toMatchObject({ isEnabled: true, disabledReason: null });
    await hooked.letPass(id, '40 minutes');
    await waitFor(async () => (await hooked.webhook(id)).isEnabled === false);
    expect(await hooked.webhook(id)).toMatchObject({
      disabledAt: expect.any(String),
      disabledReason:
        'Deliveries were not accepted for three days. The last attempt: The receiver answered with HTTP status 500.',
    });
    const entries = await readAudit(hooked.stored.db, null, null, 500);
    expect(entries.filter(({ objectId }) => objectId === id)).toMatchObject([
      { action: 'webhook.created', actor: 'owner' },
      {
        action: 'webhook.disabled',
        actor: 'system',
        details: { reason: expect.stringMatching(/three days.*HTTP status 500/) },
      },
    ]);
    const missed = await hooked.stored.create();
    receiver.answer = accept;
    await hooked.update({ id, isEnabled: true });
    await hooked.allDelivered(id);
    expect(await hooked.webhook(id)).toMatchObject({
      isEnabled: true,
      disabledAt: null,
      disabledReason: null,
    });
    expect(revisionsOf(receiver.received, missed.id)).toEqual([]);
  });
});

describe('testWebhook', () => {
  it('sends one message of its own, also while the webhook is switched off', async () => {
    const { id, secret } = await hooked.createWebhook(receiver.url);
    await hooked.update({ id, isEnabled: false });
    const test = await hooked.call<{ id: string; messageId: string }>('testWebhook', id, 'id messageId');
    const [first] = (await receiver.until(1)) as [Received];
    expect(first.message).toEqual({
      type: 'webhook.test',
      timestamp: expect.any(String),
      data: { webhookId: id },
    });
    expect(first.headers['webhook-id']).toBe(test.messageId);
    expect(verifies(secret, first)).toBe(true);
    expect(await hooked.allDelivered(id)).toMatchObject([{ kind: 'webhook.test', event: null }]);
  });

  it('that is not accepted has failed, and is not attempted again', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    receiver.answer = refuse;
    await hooked.call('testWebhook', id, 'id');
    await waitFor(async () => (await hooked.deliveries(id))[0]?.state === 'FAILED');
    expect((await hooked.deliveries(id))[0]).toMatchObject({
      attempts: 1,
      responseStatus: 500,
      nextAttemptAt: null,
    });
    expect(await hooked.webhook(id)).toMatchObject({ failingSince: null });
  });
});

describe('redeliver', () => {
  it('sends a delivery once more under the same message id', async () => {
    const { id } = await hooked.createWebhook(receiver.url);
    await hooked.stored.create();
    await receiver.until(1);
    const [delivery] = await hooked.allDelivered(id);
    await hooked.call('redeliver', delivery?.id as string, 'id');
    const [first, second] = (await receiver.until(2)) as [Received, Received];
    expect(second.body).toBe(first.body);
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    await hooked.allDelivered(id);
  });
});

describe('a server that does not allow private addresses', () => {
  it('refuses them in a URL, and connects to no name that resolves to one', async () => {
    await using app = await HookedApp.start('start', { GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'false' });
    const create = 'mutation ($url: String!) { createWebhook(input: { url: $url }) { secret } }';
    for (const url of [
      receiver.url,
      'https://127.0.0.1/',
      'https://[::ffff:10.0.0.1]/',
      'https://169.254.169.254/',
    ]) {
      expect(await app.app.refusal(create, { url })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'url' });
    }
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { id } = await app.createWebhook(`https://localhost:${port}/hooks`);
    await app.stored.create();
    const failed = await waitFor(async () => (await app.deliveries(id)).find(({ attempts }) => attempts > 0));
    expect(failed).toMatchObject({
      state: 'PENDING',
      responseStatus: null,
      error: 'The name of the receiver does not resolve to a public address.',
    });
    expect(connections).toBe(0);
    server.close();
  });
});
