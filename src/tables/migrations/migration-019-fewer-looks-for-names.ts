import { Migration } from '@mikro-orm/migrations';

/** As before, with fewer queries: the names are read as an array, and compared with those of the same statement only where there are any. */
export class Migration019FewerLooksForNames extends Migration {
  override up(): void {
    // Within one statement only a function of PL/pgSQL reads with a snapshot that is newer than the lock. Projects are locked in
    // one order, so that two statements do not wait for each other. Unless the caller waits, a name is null where
    // another transaction is choosing one in the project.
    // Git keeps branches as paths: the same name, a name below it ('0' is the character after '/'), and one above exclude it.
    this.addSql(`
      create or replace function choose_branches(wanted jsonb, waits boolean) returns table (place integer, name text)
        language plpgsql volatile as $$
        declare
          asking record;
          candidate text;
          locked_project text;
          is_locked boolean;
          chosen text[];
        begin
          for asking in
            select record.* from jsonb_to_recordset(wanted)
              as record (place integer, task_id text, project_id text, names text[])
            order by record.project_id, record.place
          loop
            if locked_project is distinct from asking.project_id then
              locked_project := asking.project_id;
              chosen := '{}';
              is_locked := true;
              if waits then
                perform pg_advisory_xact_lock(hashtextextended('settle-name ' || locked_project, 0));
              else
                is_locked := pg_try_advisory_xact_lock(hashtextextended('settle-name ' || locked_project, 0));
              end if;
            end if;
            place := asking.place;
            name := null;
            if is_locked then
              name := asking.names[cardinality(asking.names)];
              foreach candidate in array asking.names loop
                if cardinality(chosen) > 0 then
                  continue when exists (
                    select from unnest(chosen) as other where other = candidate
                      or starts_with(other, candidate || '/') or starts_with(candidate, other || '/')
                  );
                end if;
                if not exists (
                  select from task where project_id = locked_project and id <> asking.task_id
                    and state ->> 'branchName' collate "C" = candidate
                ) and not exists (
                  select from task where project_id = locked_project and id <> asking.task_id
                    and state ->> 'branchName' collate "C" > candidate || '/'
                    and state ->> 'branchName' collate "C" < candidate || '0'
                ) and not (candidate like '%/%' and exists (
                  select from task where project_id = locked_project and id <> asking.task_id
                    and state ->> 'branchName' collate "C" = split_part(candidate, '/', 1)
                )) then
                  name := candidate;
                  exit;
                end if;
              end loop;
              chosen := chosen || name;
            end if;
            return next;
          end loop;
        end
      $$`);
  }
}
