import { Migration } from '@mikro-orm/migrations';

/**
 * The body of the trigger. It looks for a webhook before it calls the function, because that looks with a statement that could
 * store something, which takes three times as long.
 */
const storeDeliveries = `if exists (
  select from webhook join task using (workspace_id) where task.id = new.task_id and webhook.is_enabled
) then perform store_deliveries(new.task_id, new.revision, new.id, new.kind); end if; return null`;

/**
 * Webhooks, and a delivery for each revision that one of them asks for. A trigger of the event table stores the deliveries, so
 * that no statement that writes an event can forget them, also not one of a process of the version before. For a workspace
 * without webhooks it looks into an index and finds nothing.
 */
export class Migration010Webhooks extends Migration {
  override up(): void {
    this.addSql(`
      create table webhook (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        url text not null,
        kinds text[],
        secret text not null,
        previous_secret text,
        previous_secret_until timestamptz(3),
        is_enabled boolean not null default true,
        disabled_at timestamptz(3),
        disabled_reason text,
        failing_since timestamptz(3),
        retry_at timestamptz(3),
        leased_by text,
        created_at timestamptz(3) not null default now()
      )`);
    this.addSql(`create index webhook_page on webhook (workspace_id, id)`);

    // No foreign key to the webhook: each revision of a workspace would lock its webhook's row, and wait for its deletion.
    this.addSql(`
      create table webhook_delivery (
        id uuid primary key,
        webhook_id text collate "C" not null,
        task_id text collate "C" references task on delete cascade,
        revision integer,
        message_id text collate "C" not null,
        kind text not null,
        state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
        attempts integer not null default 0,
        next_attempt_at timestamptz(3) default now(),
        first_failed_at timestamptz(3),
        last_attempt_at timestamptz(3),
        delivered_at timestamptz(3),
        response_status integer,
        error text,
        created_at timestamptz(3) not null default now()
      )`);
    this.addSql(`create index webhook_delivery_page on webhook_delivery (webhook_id, id)`);
    this.addSql(`
      create index webhook_delivery_pending on webhook_delivery (webhook_id, task_id, revision)
        where state = 'pending'`);
    this.addSql(`create index webhook_delivery_task on webhook_delivery (task_id)`);

    // The id is a UUID of version 7, as those that the application makes. The key of the job is the task's own: with one for
    // all tasks of the webhook, the transactions that add it would wait for each other.
    this.addSql(`
      create function store_deliveries(task text, revision integer, event text, kind text) returns void
        language plpgsql volatile as $$
        declare
          hook text;
        begin
          for hook in
            insert into webhook_delivery (id, webhook_id, task_id, revision, message_id, kind)
            select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6), 52, 1), 53, 1), 'hex')::uuid,
              webhook.id, changed.id, store_deliveries.revision, event, store_deliveries.kind
            from task changed join webhook on webhook.workspace_id = changed.workspace_id
            where changed.id = task and webhook.is_enabled
              and (webhook.kinds is null or store_deliveries.kind = any (webhook.kinds))
            returning webhook_id
          loop
            perform graphile_worker.add_job('deliverWebhook', json_build_object('webhookId', hook),
              job_key => 'webhook:' || hook || ':' || task);
          end loop;
        end
      $$`);
    this.addSql(`
      create function task_event_store_deliveries_fn() returns trigger language plpgsql as
        $$ begin ${storeDeliveries}; end; $$`);
    this.addSql(`
      create trigger store_deliveries after insert on task_event
        for each row execute function task_event_store_deliveries_fn()`);
  }
}
