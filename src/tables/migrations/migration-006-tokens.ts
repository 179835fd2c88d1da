import { Migration } from '@mikro-orm/migrations';

/**
 * Tokens of workspaces, who made each revision, and the audit log. Every statement is quick on tables of any size: it makes
 * tables, or adds a column that is null in the rows which exist. Processes of the version before go on during it: what they
 * insert has no actor, and the tasks that they delete take their tokens with them.
 */
export class Migration006Tokens extends Migration {
  override up(): void {
    this.addSql(`
      create table api_token (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        name text not null,
        hash bytea not null,
        prefix text not null,
        scopes text[] not null,
        task_id text collate "C" references task on delete cascade,
        created_at timestamptz(3) not null default now(),
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        last_used_at timestamptz(3)
      )`);
    this.addSql(`create unique index api_token_hash_key on api_token (hash)`);
    this.addSql(`create index api_token_page on api_token (workspace_id, id)`);
    this.addSql(`create index api_token_task on api_token (task_id) where task_id is not null`);

    // Null: written before the column was, or by a process that does not know it.
    this.addSql(`alter table task_event add column actor text`);

    this.addSql(`
      create table audit_event (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        at timestamptz(3) not null default now(),
        actor text not null,
        action text not null,
        object_id text not null,
        details jsonb not null default '{}'
      )`);
    this.addSql(`create index audit_event_page on audit_event (workspace_id, id)`);
    // Rows are only ever added, whoever asks: the log is worth what it cannot lose.
    this.addSql(`
      create function audit_event_append_only_fn() returns trigger language plpgsql as
        $$ begin raise exception 'The audit log can only be added to.'; end; $$`);
    this.addSql(`
      create trigger append_only before update or delete on audit_event
        for each statement execute function audit_event_append_only_fn()`);
    // MikroORM does not see triggers for TRUNCATE, so the entity does not name this one.
    this.addSql(`
      create trigger no_truncate before truncate on audit_event
        for each statement execute function audit_event_append_only_fn()`);
  }
}
