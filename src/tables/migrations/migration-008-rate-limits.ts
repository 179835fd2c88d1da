import { Migration } from '@mikro-orm/migrations';

/**
 * Points that tokens have used, and a function that counts living tasks. The table is unlogged: it costs no write-ahead log, and what
 * a crash of the database forgets is one minute's points.
 */
export class Migration008RateLimits extends Migration {
  override up(): void {
    this.addSql(`
      create unlogged table rate_limit (
        key text collate "C" primary key,
        points integer not null,
        resets_at timestamptz(3) not null
      )`);
    this.addSql(`create index rate_limit_age on rate_limit (resets_at)`);

    // Whether a workspace has fewer living tasks than it may have. Creates of one workspace wait here for each other, and
    // each counts with a snapshot of its own: that is what a function of PL/pgSQL gives within one statement.
    this.addSql(`
      create function workspace_has_room(workspace text, living text[], most integer) returns boolean
        language plpgsql volatile as $$
        declare
          used integer;
        begin
          perform pg_advisory_xact_lock(hashtextextended('living tasks ' || workspace, 0));
          select count(*) into used from (
            select from task where workspace_id = workspace and status = any(living) limit most
          ) counted;
          return used < most;
        end
      $$`);
  }
}
