import { z } from 'zod';
import { refusalOfUrl } from '../webhooks/receiver-url.ts';
import { newSecret } from '../webhooks/signature.ts';
import {
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  QuotaExceededError,
} from './domain/errors.ts';
import { isId, uuidOfId } from './domain/id.ts';
import { taskEventKinds } from './domain/machine-event.ts';
import type { Webhook, WebhookDelivery } from './domain/webhook.ts';
import { idempotencyKey, parseInput } from './input.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { View } from './store/view/view.ts';
import * as stored from './store/webhooks.ts';

/** What this installation allows to webhooks. */
export interface WebhookPolicy {
  /** Whether receivers may have private addresses, and plain http. */
  readonly allowPrivate: boolean;
}

/** A webhook with its new secret, which is here and nowhere else. */
export interface WebhookSecret {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** Each revision of the workspace is stored once more for each of them. */
const maxWebhooks = 10;

const kinds = z
  .array(z.enum(taskEventKinds, `kinds must be kinds of events: ${taskEventKinds.join(', ')}.`))
  .min(1, 'kinds must name at least one kind. Leave it out for all.')
  .transform((list) => [...new Set(list)]);

const createWebhookInput = z.object({ url: z.string(), kinds: kinds.nullish(), idempotencyKey });
export interface CreateWebhookInput {
  readonly url: string;
  readonly kinds?: readonly string[] | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

const updateWebhookInput = z.object({
  id: z.string(),
  url: z.string().nullish(),
  kinds: kinds.nullish(),
  isEnabled: z.boolean().nullish(),
});
export interface UpdateWebhookInput {
  readonly id: string;
  readonly url?: string | null | undefined;
  /** Null: all kinds. */
  readonly kinds?: readonly string[] | null | undefined;
  readonly isEnabled?: boolean | null | undefined;
}

/**
 * The same idempotency key with the same input returns the webhook that it made before, with its secret. Throws
 * InvalidInputError, QuotaExceededError when the workspace has as many as it may have, and IdempotencyConflictError, the latter
 * also once the webhook of the key was deleted or has another secret.
 */
export async function createWebhook(
  view: View,
  policy: WebhookPolicy,
  rawInput: CreateWebhookInput,
): Promise<WebhookSecret> {
  const db = View.databaseOf(view);
  const { workspaceId, actor } = view;
  const input = parseInput(createWebhookInput, rawInput);
  checkUrl(input.url, policy);
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('createWebhook', input);
  const newKey = key === null ? null : { key, inputHash };
  const secret = newSecret();
  const wanted = { workspaceId, url: input.url, kinds: input.kinds ?? null, secret };
  for (;;) {
    const earlierId = key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
    if (earlierId !== null) {
      const earlier = await stored.findWithFirstSecret(db, workspaceId, earlierId);
      if (earlier) return earlier;
      throw new IdempotencyConflictError(
        'The webhook that was created with this idempotency key was deleted, or its secret was replaced.',
        { field: 'idempotencyKey' },
      );
    }
    const webhook = await stored.insertWebhook(db, wanted, newKey, actor, maxWebhooks);
    if (webhook === 'full') throw new QuotaExceededError(`A workspace has at most ${maxWebhooks} webhooks.`);
    if (webhook !== 'keyUsed') return { webhook, secret };
    // Another call used the key at the same moment: by now it is visible.
  }
}

/** Changes what the input names. Throws InvalidInputError and NotFoundError. */
export async function updateWebhook(
  view: View,
  policy: WebhookPolicy,
  rawInput: UpdateWebhookInput,
): Promise<Webhook> {
  const { id, url, isEnabled, ...input } = parseInput(updateWebhookInput, rawInput);
  if (url != null) checkUrl(url, policy);
  const change = { url: url ?? undefined, kinds: input.kinds, isEnabled: isEnabled ?? undefined };
  return changeOf(id, () =>
    stored.updateWebhook(View.databaseOf(view), view.workspaceId, id, change, view.actor),
  );
}

/** Ends it, with its deliveries. Throws NotFoundError. */
export function deleteWebhook(view: View, id: string): Promise<Webhook> {
  return changeOf(id, () => stored.deleteWebhook(View.databaseOf(view), view.workspaceId, id, view.actor));
}

/** Gives it a new secret; the one before signs too for 24 hours. Throws NotFoundError. */
export async function rotateWebhookSecret(view: View, id: string): Promise<WebhookSecret> {
  const secret = newSecret();
  const webhook = await changeOf(id, () =>
    stored.rotateSecret(View.databaseOf(view), view.workspaceId, id, secret, view.actor),
  );
  return { webhook, secret };
}

/** Sends a message that says nothing, also while the webhook is switched off. Throws NotFoundError. */
export function testWebhook(view: View, id: string): Promise<WebhookDelivery> {
  return changeOf(id, () => stored.insertTest(View.databaseOf(view), view.workspaceId, id));
}

/** Sends a delivery once more. Throws NotFoundError. */
export async function redeliver(view: View, id: string): Promise<WebhookDelivery> {
  const delivery = isId('delivery', id)
    ? await stored.redeliver(View.databaseOf(view), view.workspaceId, uuidOfId(id))
    : null;
  if (!delivery) throw new NotFoundError('The delivery does not exist.', { field: 'id' });
  return delivery;
}

function checkUrl(url: string, { allowPrivate }: WebhookPolicy): void {
  const refusal = refusalOfUrl(url, allowPrivate);
  if (refusal !== null) throw new InvalidInputError(refusal, { field: 'url' });
}

async function changeOf<T>(id: string, change: () => Promise<T | null>): Promise<T> {
  const changed = isId('webhook', id) ? await change() : null;
  if (!changed) throw new NotFoundError('The webhook does not exist.', { field: 'id' });
  return changed;
}
