import { Migration } from '@mikro-orm/migrations';

/** Where a title was cut, PostgreSQL takes the ellipsis for a part of the word before it. */
const title = `rtrim((new.state ->> 'title'::text), '…'::text)`;
const words = `to_tsvector('simple', coalesce(${title}, '') || ' ' || new.prompt)`;

// Parts of triggers, which the entities name too.
export const setWords = `new.words := ${words}; return new`;
// Without the places of the words in the text: no search asks for them.
export const storeSearch = `insert into task_search (task_id, words) select id, strip(words) from added; return null`;
export const updateSearch = `update task_search set words = strip(new.words) where task_id = new.id; return null`;
/** A title that was made of the prompt has no words of its own. As PostgreSQL spells it. */
export const hasNewWords = `(((old.state ->> 'title'::text) IS DISTINCT FROM (new.state ->> 'title'::text)) AND (((old.state ->> 'title'::text) IS NOT NULL) OR (NOT (old.words @@ plainto_tsquery('simple'::regconfig, ${title})))))`;

/**
 * What a search looks at, in a table of its own. As a generated column of `task` it was computed again, and put into its index again,
 * with each change of a task: with a prompt of 4 KB that was three quarters of what provisioning cost PostgreSQL.
 *
 * Triggers keep the table, so that processes of the version before keep it too; and they keep the column for these, which search in
 * it. Without its index their search is slower while they last.
 */
export class Migration017WordsApart extends Migration {
  override up(): void {
    this.addSql('create table task_search (task_id text collate "C" not null, words tsvector not null)');
    // Before anything is locked, because it takes a minute for a million tasks. Other processes go on meanwhile: what they commit
    // after the third statement has read `task`, a transaction wrote that was not at an end by the first.
    this.addSql(
      `select set_config('groundcrew.first_xid', pg_snapshot_xmin(pg_current_snapshot())::text, true)`,
    );
    this.addSql('set local enable_seqscan = on');
    this.addSql('insert into task_search (task_id, words) select id, strip(words) from task');
    this.addSql('alter table task_search add primary key (task_id)');
    this.addSql(
      'create index task_search_words on task_search using gin (words) with (gin_pending_list_limit = 256)',
    );

    // All that uses the table waits behind a lock that waits, and a backup that reads it may take an hour: for a second at a time.
    this.addSql(`
      do $$ begin
        loop
          begin
            set local lock_timeout = '1s';
            lock table task in access exclusive mode;
            exit;
          exception when lock_not_available then
            perform pg_sleep(2);
          end;
        end loop;
      end $$`);
    this.addSql(`set local lock_timeout = '0'`);
    this.addSql(`
      insert into task_search (task_id, words) select id, strip(words) from task
      where id in (select task_id from task_event where xid >= current_setting('groundcrew.first_xid')::xid8)
      on conflict (task_id) do update set words = excluded.words`);
    this.addSql(
      'delete from task_search where not exists (select from task where task.id = task_search.task_id)',
    );
    this.addSql(`alter table task_search add constraint task_search_task_id_fkey
      foreign key (task_id) references task on delete cascade`);
    this.addSql('alter table task alter column words drop expression');
    this.addSql('drop index task_words');

    const add = (name: string, body: string, trigger: string) => {
      this.addSql(
        `create function task_${name}_fn() returns trigger language plpgsql as $$ begin ${body}; end; $$`,
      );
      this.addSql(`create trigger ${name} ${trigger} execute function task_${name}_fn()`);
    };
    add('set_words', setWords, 'before insert on task for each row');
    add('set_new_words', setWords, `before update on task for each row when (${hasNewWords})`);
    add(
      'store_search',
      storeSearch,
      'after insert on task referencing new table as added for each statement',
    );
    add('update_search', updateSearch, `after update on task for each row when (${hasNewWords})`);
  }
}
