import { type StartedApp, startApp } from '../schema/started-app.ts';
import { waitFor } from '../support/wait-for.ts';

export interface CreatedWebhook {
  readonly id: string;
  readonly secret: string;
}

export interface ShownDelivery {
  readonly id: string;
  readonly messageId: string;
  readonly kind: string;
  readonly state: string;
  readonly attempts: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
  readonly nextAttemptAt: string | null;
  readonly deliveredAt: string | null;
  readonly event: { readonly revision: number; readonly task: { readonly id: string } } | null;
}

const deliveryFields =
  'id messageId kind state attempts responseStatus error nextAttemptAt deliveredAt event { revision task { id } }';

/** Groundcrew with webhooks to this machine, whose worker takes no task: revisions are what the test makes. */
export class HookedApp implements AsyncDisposable {
  readonly app: StartedApp;

  private constructor(app: StartedApp) {
    this.app = app;
  }

  static async start(
    role: 'start' | 'api' = 'start',
    settings: Readonly<Record<string, string>> = {},
  ): Promise<HookedApp> {
    const app = await startApp(role, {
      GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'true',
      GROUNDCREW_RATE_LIMIT: '0',
      ...settings,
    });
    await app.stored.sql(`alter table task alter column leased_by set default 'the test'`);
    return new HookedApp(app);
  }

  get stored() {
    return this.app.stored;
  }

  async createWebhook(url: string, kinds?: readonly string[]): Promise<CreatedWebhook> {
    const { createWebhook } = await this.app.ask<{
      createWebhook: { secret: string; webhook: { id: string } };
    }>('mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }', {
      input: { url, ...(kinds && { kinds }) },
    });
    return { id: createWebhook.webhook.id, secret: createWebhook.secret };
  }

  update(input: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.app.ask('mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) { id } }', {
      input,
    });
  }

  /** Calls a mutation that takes an id, and returns its answer. */
  async call<T>(name: string, id: string, fields: string): Promise<T> {
    const data = await this.app.ask<Record<string, T>>(
      `mutation ($id: ID!) { ${name}(id: $id) { ${fields} } }`,
      { id },
    );
    return data[name] as T;
  }

  async webhook(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { node } = await this.app.ask<{ node: Record<string, unknown> }>(
      `query ($id: ID!) { node(id: $id) { ... on Webhook {
        url kinds isEnabled disabledAt disabledReason failingSince } } }`,
      { id },
    );
    return node;
  }

  /** Newest first. */
  async deliveries(id: string): Promise<ShownDelivery[]> {
    const { node } = await this.app.ask<{ node: { deliveries: { nodes: ShownDelivery[] } } }>(
      `query ($id: ID!) { node(id: $id) { ... on Webhook { deliveries(first: 100) { nodes { ${deliveryFields} } } } } }`,
      { id },
    );
    return node.deliveries.nodes;
  }

  /** Waits until nothing of the webhook waits. */
  async allDelivered(id: string, timeoutMs?: number): Promise<ShownDelivery[]> {
    await waitFor(
      async () => (await this.deliveries(id)).every(({ state }) => state === 'DELIVERED'),
      timeoutMs,
      'all deliveries are delivered',
    );
    return this.deliveries(id);
  }

  /** Moves the instants of the webhook and of what waits for it back, as if so much time had passed. */
  async letPass(id: string, interval: string): Promise<void> {
    await this.stored.sql(
      `with hook as (
         update webhook set failing_since = failing_since - ?::interval, retry_at = retry_at - ?::interval where id = ?
       )
       update webhook_delivery set first_failed_at = first_failed_at - ?::interval,
         next_attempt_at = next_attempt_at - ?::interval where webhook_id = ? and state = 'pending'`,
      [interval, interval, id, interval, interval, id],
    );
    await this.stored.sql(
      `select graphile_worker.add_job('deliverWebhook', json_build_object('webhookId', ?::text))`,
      [id],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]();
  }
}
