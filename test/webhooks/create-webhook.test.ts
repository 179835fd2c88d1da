import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HookedApp } from './hooked-app.ts';

const url = 'https://example.com/hooks';
let hooked: HookedApp;
beforeAll(async () => {
  hooked = await HookedApp.start('api');
});
beforeEach(() => hooked.stored.sql('truncate webhook, webhook_delivery, idempotency_key'));
afterAll(() => hooked[Symbol.asyncDispose]());

describe('I10 createWebhook with an idempotency key', () => {
  const create = async (input: Readonly<Record<string, unknown>>) => {
    const { createWebhook } = await hooked.app.ask<{
      createWebhook: { secret: string; webhook: { id: string } };
    }>('mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }', {
      input: { url, ...input },
    });
    return createWebhook;
  };
  const refusal = (input: Readonly<Record<string, unknown>>) =>
    create(input).then(
      () => 'accepted',
      (error: Error) => error.message,
    );

  it('makes one webhook for concurrent calls, and gives all of them its secret', async () => {
    const made = await Promise.all(Array.from({ length: 15 }, () => create({ idempotencyKey: 'once' })));
    expect(new Set(made.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(await hooked.stored.sql('select from webhook')).toHaveLength(1);
    expect(await create({ idempotencyKey: 'once' })).toEqual(made[0]);
  });

  it('is a conflict with another input, or when a task was made with the key', async () => {
    await create({ idempotencyKey: 'of a webhook' });
    expect(await refusal({ idempotencyKey: 'of a webhook', kinds: ['task.created'] })).toMatch(
      /IDEMPOTENCY_CONFLICT.*"field":"idempotencyKey"/,
    );
    await hooked.app.create({ idempotencyKey: 'of a task' });
    expect(await refusal({ idempotencyKey: 'of a task' })).toMatch('IDEMPOTENCY_CONFLICT');
    expect(await refusal({ idempotencyKey: '' })).toMatch('BAD_USER_INPUT');
    expect(await hooked.stored.sql('select from webhook')).toHaveLength(1);
  });

  it('is a conflict once the webhook is deleted or has another secret', async () => {
    const [rotated, deleted] = [await create({ idempotencyKey: 'a' }), await create({ idempotencyKey: 'b' })];
    await hooked.call('rotateWebhookSecret', rotated.webhook.id, 'secret');
    await hooked.call('deleteWebhook', deleted.webhook.id, 'id');
    for (const idempotencyKey of ['a', 'b']) {
      expect(await refusal({ idempotencyKey })).toMatch('IDEMPOTENCY_CONFLICT');
    }
  });

  it('returns the webhook although the workspace may have no more', async () => {
    const first = await create({ idempotencyKey: 'first' });
    for (let count = 1; count < 10; count += 1) await create({});
    expect(await refusal({ idempotencyKey: 'last' })).toMatch('QUOTA_EXCEEDED');
    expect(await create({ idempotencyKey: 'first' })).toEqual(first);
  });
});
