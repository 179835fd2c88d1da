import { Migration } from '@mikro-orm/migrations';
import { newId } from '../../tasks/domain/id.ts';

export class Migration001Tasks extends Migration {
  override up(): void {
    this.addSql(`
      create table workspace (
        id text collate "C" primary key,
        name text not null,
        created_at timestamptz(3) not null default now()
      )`);
    this.addSql(`insert into workspace (id, name) values ('${newId('workspace')}', 'Default')`);

    this.addSql(`
      create table project (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        repo_url text not null,
        name text not null,
        created_at timestamptz(3) not null
      )`);
    this.addSql(`create unique index project_repo_url on project (workspace_id, repo_url)`);
    this.addSql(`create index project_page on project (workspace_id, id)`);

    this.addSql(`
      create table task (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        project_id text collate "C" not null references project,
        repo_url text not null,
        prompt text not null,
        provider text not null,
        agent text not null,
        base_ref text,
        revision integer not null check (revision > 0),
        status text not null,
        state jsonb not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        wake_at timestamptz(3),
        leased_by text,
        epoch integer not null default 0,
        endpoint jsonb,
        sandbox_metadata jsonb,
        words tsvector generated always as
          (to_tsvector('simple', coalesce(state ->> 'title', '') || ' ' || prompt)) stored
      )`);
    this.addSql(`create index task_page on task (workspace_id, id)`);
    this.addSql(`create index task_status_page on task (workspace_id, status, id)`);
    this.addSql(`create index task_project_page on task (project_id, id)`);
    this.addSql(`create index task_words on task using gin (words)`);
    this.addSql(
      `create index task_waiting on task (wake_at) where wake_at is not null and leased_by is null`,
    );
    this.addSql(`create index task_leased on task (leased_by) where leased_by is not null`);
    this.addSql(`create index task_branch on task (project_id, (state ->> 'branchName' collate "C"))`);

    // One row a revision. `xid` lets a reader that lost its wake-ups find what became visible since it last looked:
    // ids, times and sequences become visible in another order than they are given.
    this.addSql(`
      create table task_event (
        id text collate "C" not null unique,
        task_id text collate "C" not null references task,
        revision integer not null,
        kind text not null,
        status text not null,
        step text,
        error jsonb,
        state jsonb not null,
        at timestamptz(3) not null,
        xid xid8 not null default pg_current_xact_id(),
        primary key (task_id, revision)
      )`);
    this.addSql(`create index task_event_xid on task_event (xid)`);

    // What of a session never changes; how it is doing stands in its task's state.
    this.addSql(`
      create table session (
        id text collate "C" primary key,
        task_id text collate "C" not null references task,
        prompt text
      )`);

    // Every sandbox that was ever intended, written down before it is made.
    this.addSql(`
      create table sandbox (
        key text collate "C" primary key,
        task_id text collate "C" not null references task,
        provider text not null,
        state text not null check (state in ('wanted', 'releasing', 'released')),
        failures integer not null default 0,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now()
      )`);
    this.addSql(`create index sandbox_releasing on sandbox (updated_at) where state = 'releasing'`);

    this.addSql(`
      create table idempotency_key (
        workspace_id text collate "C" not null references workspace,
        key text not null,
        input_hash text not null,
        object_id text not null,
        created_at timestamptz(3) not null default now(),
        primary key (workspace_id, key)
      )`);
    this.addSql(`create index idempotency_key_age on idempotency_key (created_at)`);

    // The workers that live. `lock` is the number of the advisory lock that each holds on a connection of its own.
    this.addSql(`
      create table worker (
        id text primary key,
        lock integer generated always as identity,
        pool_ids text[] not null,
        started_at timestamptz(3) not null default now(),
        heartbeat_at timestamptz(3) not null default now()
      )`);

    // When a sweep of which one is enough for all workers was made last.
    this.addSql(`create table sweep (name text primary key, swept_at timestamptz(3) not null default now())`);
  }
}
