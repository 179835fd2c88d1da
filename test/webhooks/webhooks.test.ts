import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { readAudit } from '../../src/tasks/store/audit-log.ts';
import { changeTask } from '../../src/tasks/store/change-task.ts';
import { deleteClosedTasks } from '../../src/tasks/store/retention.ts';
import {
  freeWebhooksOf,
  leaseWebhook,
  requeueOverdueWebhooks,
} from '../../src/tasks/store/webhook-deliveries.ts';
import { runDeleteExpiredRecords, runDeleteWebhookDeliveries } from '../../src/worker/maintenance.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { HookedApp } from './hooked-app.ts';

// Without a worker: what is stored, and what the API answers.

const url = 'https://example.com/hooks';
let hooked: HookedApp;
beforeAll(async () => {
  hooked = await HookedApp.start('api');
});
beforeEach(() =>
  hooked.stored.sql('truncate webhook, webhook_delivery, idempotency_key, graphile_worker._private_jobs'),
);
afterAll(() => hooked[Symbol.asyncDispose]());

const deliveries = () => hooked.stored.sql('select * from webhook_delivery');
const jobs = async () => {
  const rows = await hooked.stored.sql<{ key: string }>(
    `select key from graphile_worker.jobs where task_identifier = 'deliverWebhook' order by key`,
  );
  return rows.map(({ key }) => key);
};
const maintenance = () => ({
  db: hooked.stored.db,
  pool: hooked.stored.db.pool,
  logger: createLogger('silent'),
  retentionDays: undefined,
  draining: new AbortController().signal,
});

describe('a delivery', () => {
  it('is stored in the transaction of its revision, and not without it', async () => {
    const task = await hooked.stored.create();
    await hooked.createWebhook(url);
    const { db } = hooked.stored;
    await expect(
      db.transaction(async (tx) => {
        await changeTask(tx, task.id, { event: { type: 'taskCanceled' } });
        const rows = await tx.em().execute('select revision from webhook_delivery');
        throw new Error(`rolled back with ${JSON.stringify(rows)}`);
      }),
    ).rejects.toThrow('rolled back with [{"revision":2}]');
    expect(await deliveries()).toEqual([]);
    await hooked.stored.change(task.id, { type: 'taskCanceled' });
    expect(await deliveries()).toMatchObject([{ task_id: task.id, revision: 2, kind: 'task.canceled' }]);
  });

  it('is stored by any statement that stores an event', async () => {
    await hooked.createWebhook(url);
    const task = await hooked.stored.create();
    await hooked.stored.sql(
      `insert into task_event (id, task_id, revision, kind, status, state, at)
       select 'event_' || n, id, n, 'other', status, state, now() from task, generate_series(2, 4) n where id = ?`,
      [task.id],
    );
    expect((await deliveries()).map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
  });

  it('is stored for each webhook of the workspace that is switched on', async () => {
    const first = await hooked.createWebhook(url);
    const second = await hooked.createWebhook(url);
    await hooked.update({ id: second.id, isEnabled: false });
    await hooked.stored.create();
    expect((await deliveries()).map(({ webhook_id }) => webhook_id)).toEqual([first.id]);
  });

  it('makes one job for each task, however many revisions wait', async () => {
    const { id } = await hooked.createWebhook(url);
    const task = await hooked.stored.create();
    await hooked.stored.reviseTimes(task.id, 3);
    expect(await jobs()).toEqual([`webhook:${id}:${task.id}`]);
  });

  it('is deleted together with its task', async () => {
    await hooked.createWebhook(url);
    const task = await hooked.stored.create();
    await hooked.stored.change(task.id, { type: 'taskCanceled' });
    await hooked.stored.sql(
      `update task set created_at = now() - interval '8 days', updated_at = now() - interval '8 days' where id = ?`,
      [task.id],
    );
    expect(await deleteClosedTasks(hooked.stored.db, 7, 10)).toBe(1);
    expect(await deliveries()).toEqual([]);
  });

  it('is listed newest first, in pages, with its revision', async () => {
    const { id } = await hooked.createWebhook(url);
    const task = await hooked.stored.create();
    await hooked.stored.reviseTimes(task.id, 4);
    const page = async (args: string) => {
      const { node } = await hooked.app.ask<{
        node: {
          deliveries: {
            nodes: { event: { revision: number } }[];
            pageInfo: { endCursor: string; hasNextPage: boolean };
          };
        };
      }>(
        `query ($id: ID!) { node(id: $id) { ... on Webhook { deliveries(${args}) {
           nodes { event { revision } } pageInfo { endCursor hasNextPage } } } } }`,
        { id },
      );
      const { nodes, pageInfo } = node.deliveries;
      return { revisions: nodes.map(({ event }) => event.revision), ...pageInfo };
    };
    const first = await page('first: 2');
    expect(first).toMatchObject({ revisions: [5, 4], hasNextPage: true });
    expect((await page(`first: 10, after: "${first.endCursor}"`)).revisions).toEqual([3, 2, 1]);
    expect((await page('last: 2')).revisions).toEqual([2, 1]);
  });

  it('is deleted 30 days later once it is over, or its webhook is switched off or gone', async () => {
    const on = await hooked.createWebhook(url);
    const off = await hooked.createWebhook(url);
    await hooked.stored.create();
    await hooked.update({ id: off.id, isEnabled: false });
    const insert = (webhookId: string, state: string, age: string) =>
      hooked.stored.sql(
        `insert into webhook_delivery (id, webhook_id, message_id, kind, state)
         values (rpad(lpad(to_hex(floor(extract(epoch from now() - ?::interval) * 1000)::bigint), 12, '0'), 32, '7')::uuid,
           ?, 'old', 'x', ?)`,
        [age, webhookId, state],
      );
    await insert(on.id, 'delivered', '31 days');
    await insert(on.id, 'delivered', '29 days');
    await insert(on.id, 'pending', '32 days');
    await insert(off.id, 'pending', '33 days');
    await insert('webhook_gone', 'pending', '34 days');
    await runDeleteExpiredRecords(maintenance());
    const left = await hooked.stored.sql(
      `select webhook_id, state from webhook_delivery where message_id = 'old' order by state`,
    );
    expect(left).toEqual([
      { webhook_id: on.id, state: 'delivered' },
      { webhook_id: on.id, state: 'pending' },
    ]);
    expect(await deliveries()).toHaveLength(4);
  });
});

describe('a webhook', () => {
  it('that is deleted is gone with its deliveries, and stands in the audit log without its path', async () => {
    const { id } = await hooked.createWebhook('https://example.com/secret-path');
    await hooked.stored.create();
    await hooked.call('rotateWebhookSecret', id, 'secret');
    await hooked.update({ id, url: 'https://example.org/secret-path' });
    expect(await hooked.call('deleteWebhook', id, 'id url')).toEqual({
      id,
      url: 'https://example.org/secret-path',
    });
    expect(await hooked.app.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: null });
    const [job] = await hooked.stored.sql(
      `select task_identifier from graphile_worker.jobs where task_identifier = 'deleteWebhookDeliveries'`,
    );
    expect(job).toBeDefined();
    await runDeleteWebhookDeliveries(id, maintenance());
    expect(await deliveries()).toEqual([]);
    const entries = await readAudit(hooked.stored.db, null, null, 1_000);
    const own = entries.filter(({ objectId }) => objectId === id);
    expect(own.map(({ action }) => action)).toEqual([
      'webhook.created',
      'webhook.secret_rotated',
      'webhook.updated',
      'webhook.deleted',
    ]);
    expect(own[0]).toMatchObject({ actor: 'owner', details: { origin: 'https://example.com', kinds: null } });
    expect(JSON.stringify(own)).not.toMatch(/secret-path|whsec_/);
  });

  it('keeps what an update leaves out, and asks for all kinds with null', async () => {
    const { id } = await hooked.createWebhook(url, ['task.created', 'task.created']);
    await hooked.update({ id, isEnabled: false });
    expect(await hooked.webhook(id)).toMatchObject({ url, kinds: ['task.created'], isEnabled: false });
    await hooked.update({ id, kinds: null, isEnabled: true });
    expect(await hooked.webhook(id)).toMatchObject({ url, kinds: null, isEnabled: true, disabledAt: null });
  });

  it('is refused past ten in a workspace, also when they are made at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 14 }, () => hooked.createWebhook(url)));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(
      await hooked.app.refusal(`mutation { createWebhook(input: { url: "${url}" }) { secret } }`),
    ).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });

  it.each([
    ['an unknown kind', { kinds: ['task.exploded'] }, 'kinds'],
    ['no kind', { kinds: [] }, 'kinds'],
    ['a URL with a password', { url: 'https://a:b@example.com' }, 'url'],
    ['another protocol', { url: 'file:///etc/passwd' }, 'url'],
    ['an empty URL', { url: '' }, 'url'],
  ])('is not made with %s', async (_what, input, field) => {
    expect(
      await hooked.app.refusal(
        'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret } }',
        { input: { url, ...input } },
      ),
    ).toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('is seen with the scope ADMIN alone', async () => {
    const { id } = await hooked.createWebhook(url);
    await hooked.stored.create();
    const [delivery] = await hooked.deliveries(id);
    const { createApiToken } = await hooked.app.ask<{ createApiToken: { token: string } }>(
      'mutation { createApiToken(input: { name: "reader", scopes: [TASKS_WRITE] }) { token } }',
    );
    const { data } = await fetchGraphql(
      hooked.app.url,
      createApiToken.token,
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      { ids: [id, delivery?.id] },
    );
    expect(data).toEqual({ nodes: [null, null] });
  });
});

describe('the lease of a webhook', () => {
  it('is for one living worker, and free again once that one is gone', async () => {
    const { id } = await hooked.createWebhook(url);
    const { db } = hooked.stored;
    await hooked.stored.sql('truncate worker');
    expect(await leaseWebhook(db, id, 'one')).toBe(false);
    await hooked.stored.addWorker('one');
    await hooked.stored.addWorker('two');
    expect(await leaseWebhook(db, id, 'one')).toBe(true);
    expect(await leaseWebhook(db, id, 'two')).toBe(false);
    await freeWebhooksOf(db, 'one');
    expect(await jobs()).toContain(`webhook:${id}`);
    expect(await leaseWebhook(db, id, 'two')).toBe(true);
    await hooked.stored.sql(`delete from worker where id = 'two'`);
    expect(await leaseWebhook(db, id, 'one')).toBe(true);
  });
});

describe('the sweep', () => {
  it('queues webhooks again whose job was lost, and no others', async () => {
    const { db } = hooked.stored;
    const lost = await hooked.createWebhook(url);
    const off = await hooked.createWebhook(url);
    const paused = await hooked.createWebhook(url);
    await hooked.stored.create();
    await hooked.update({ id: off.id, isEnabled: false });
    await hooked.stored.sql('truncate graphile_worker._private_jobs');
    expect(await requeueOverdueWebhooks(db)).toEqual([]);
    await hooked.stored.sql(`update webhook_delivery set next_attempt_at = now() - interval '11 seconds'`);
    await hooked.stored.sql(`update webhook set retry_at = now() + interval '1 minute' where id = ?`, [
      paused.id,
    ]);
    expect(await requeueOverdueWebhooks(db)).toEqual([lost.id]);
    expect(await jobs()).toEqual([`webhook:${lost.id}`]);
    expect(await requeueOverdueWebhooks(db)).toEqual([]);
  });
});
