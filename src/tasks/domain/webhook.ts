import type { Timestamp } from './task.ts';

/** Where revisions of a workspace are sent, without its secret. */
export interface Webhook {
  readonly id: string;
  readonly workspaceId: string;
  readonly url: string;
  /** Of the events that it asks for; null: all. */
  readonly kinds: readonly string[] | null;
  readonly isEnabled: boolean;
  readonly disabledAt: Timestamp | null;
  /** A sentence; null while it is enabled, and when somebody switched it off. */
  readonly disabledReason: string | null;
  /** The first attempt that failed since the last one that was accepted. */
  readonly failingSince: Timestamp | null;
  readonly createdAt: Timestamp;
}

/** `pending`: to be sent, or to be attempted again. `failed`: a test that was not accepted, which is attempted once. */
export const deliveryStates = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One revision, or a test, for one webhook. */
export interface WebhookDelivery {
  readonly id: string;
  readonly webhookId: string;
  /** What the receiver knows it by: for a revision, its event's id. */
  readonly messageId: string;
  readonly isTest: boolean;
  readonly kind: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Of the last attempt; null: there was none, or no answer. */
  readonly responseStatus: number | null;
  /** Why the last attempt failed, in a sentence. */
  readonly error: string | null;
  readonly createdAt: Timestamp;
  readonly lastAttemptAt: Timestamp | null;
  readonly nextAttemptAt: Timestamp | null;
  readonly deliveredAt: Timestamp | null;
}

/** The kind of a message that `testWebhook` sends. */
export const testKind = 'webhook.test';
