import { isConnectionError } from '../../db/connection-error.ts';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Database } from '../../tables/database.ts';
import {
  type DueDeliveries,
  type DueDelivery,
  leaseWebhook,
  postponeDeliveries,
  readDueDeliveries,
  recordAccepted,
  recordFailure,
  releaseWebhook,
  scheduleDeliveries,
  webhooksOf,
} from '../../tasks/store/webhook-deliveries.ts';
import { MessageSender } from '../../webhooks/send.ts';
import { bodyOf } from './payload.ts';

export interface WebhookDeliveriesOptions {
  readonly db: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether receivers may have private addresses, and plain http. */
  readonly allowPrivate: boolean;
  workerId(): string;
  /** Aborts when the worker is to stop: no attempt is started any more. */
  readonly draining: AbortSignal;
  /** Aborts when running attempts have had time to end. They do not count, and are made again. */
  readonly interrupt: AbortSignal;
}

/** Webhooks that one worker serves at once. They wait for their receivers and not for each other. */
const maxWebhooks = 100;
/** Deliveries of one webhook that are sent at once, each of another task. */
const perWebhook = 10;

/**
 * Sends deliveries. A job only says that a webhook has something to send, and ends at once; this sends as long as something is
 * due, and plans the next job. So a receiver that hangs holds up no job, and no webhook but its own.
 */
export class WebhookDeliveries {
  readonly #options: WebhookDeliveriesOptions;
  readonly #sender: MessageSender;
  /** The webhooks that this worker has leased, or is about to. */
  readonly #serving = new Set<string>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: WebhookDeliveriesOptions) {
    this.#options = options;
    this.#sender = new MessageSender(options);
  }

  /** Serves the webhook unless a worker does already, which will find what is due now. */
  async deliver(webhookId: string): Promise<void> {
    const { db, workerId, draining } = this.#options;
    if (this.#serving.has(webhookId)) return;
    if (draining.aborted || this.#serving.size >= maxWebhooks) return postponeDeliveries(db, webhookId);
    const worker = workerId();
    this.#serving.add(webhookId);
    let leased = false;
    try {
      leased = await leaseWebhook(db, webhookId, worker);
    } finally {
      if (!leased) this.#serving.delete(webhookId);
    }
    if (!leased) return;
    const running = this.#serve(webhookId, worker).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Serves the webhooks that this worker has leased without knowing it, because a reply of the database was lost. */
  async resume(): Promise<void> {
    const { db, workerId, draining } = this.#options;
    for (const id of await webhooksOf(db, workerId())) {
      if (!draining.aborted) await this.deliver(id);
    }
  }

  /** Resolves once nothing is sent any more. Call it after `draining` has aborted. */
  async stop(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Never rejects. */
  async #serve(webhookId: string, worker: string): Promise<void> {
    const { db, logger, interrupt } = this.#options;
    let failed = false;
    try {
      await this.#sendDue(webhookId, worker);
    } catch (error) {
      failed = !interrupt.aborted;
      if (failed) logger.error({ err: error, webhookId }, 'could not serve a webhook');
    }
    try {
      try {
        await this.#store(() => releaseWebhook(db, webhookId, worker));
      } finally {
        this.#serving.delete(webhookId);
      }
      // After the release: what was announced until then, and found the webhook served, is seen only now. An error would come
      // back at once, so that what is due after one is left to a sweep.
      if (!failed) await this.#store(() => scheduleDeliveries(db, webhookId));
    } catch (error) {
      const level = isConnectionError(error) || interrupt.aborted ? 'debug' : 'error';
      logger[level]({ err: error, webhookId }, 'could not release a webhook');
    }
  }

  async #sendDue(webhookId: string, worker: string): Promise<void> {
    const { db, draining, interrupt } = this.#options;
    while (!draining.aborted) {
      const due = await this.#store(() => readDueDeliveries(db, webhookId, worker, perWebhook));
      if (!due) return;
      await Promise.all(due.deliveries.map((delivery) => this.#attempt(webhookId, due, delivery)));
      interrupt.throwIfAborted();
    }
  }

  async #attempt(webhookId: string, receiver: DueDeliveries, delivery: DueDelivery): Promise<void> {
    const { db, logger, metrics, interrupt } = this.#options;
    const message = { id: delivery.messageId, body: bodyOf(delivery, webhookId) };
    const outcome = await this.#sender.send(receiver, message, interrupt);
    metrics.webhookAttempted(
      outcome.accepted ? 'accepted' : outcome.status === null ? 'unanswered' : 'refused',
    );
    const log = { webhookId, messageId: delivery.messageId, status: outcome.status };
    if (outcome.accepted) {
      await this.#store(() => recordAccepted(db, delivery.id, outcome.status));
      logger.debug(log, 'delivered');
      return;
    }
    const isOver = await this.#store(() => recordFailure(db, delivery, outcome));
    logger.info({ ...log, error: outcome.error }, 'a delivery was not accepted');
    if (isOver) logger.warn(log, 'switched a webhook off: its deliveries were not accepted for three days');
  }

  /** What has happened is stored however long the database is away; while the worker stops, it is tried once. */
  #store<T>(work: () => Promise<T>): Promise<T> {
    const { interrupt } = this.#options;
    return interrupt.aborted ? work() : retryWhileUnavailable(work, interrupt);
  }
}
