import { Migration } from '@mikro-orm/migrations';

/**
 * Counts the places that a workspace has left, for statements that create several tasks. `workspace_has_room` stays for servers of
 * an earlier version.
 */
export class Migration012RoomOfWorkspaces extends Migration {
  override up(): void {
    // Creates of one workspace wait here for each other, and each counts with a snapshot of its own: that is what a function
    // of PL/pgSQL gives within one statement.
    this.addSql(`
      create function workspace_room(workspace text, living text[], most integer) returns integer
        language plpgsql volatile as $$
        declare
          used integer;
        begin
          perform pg_advisory_xact_lock(hashtextextended('living tasks ' || workspace, 0));
          select count(*) into used from (
            select from task where workspace_id = workspace and status = any(living) limit most
          ) counted;
          return most - used;
        end
      $$`);
  }
}
