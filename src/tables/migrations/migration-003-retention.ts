import { Migration } from '@mikro-orm/migrations';

/** Indexes with which closed tasks are found and deleted: without them, each delete reads whole tables. */
export class Migration003Retention extends Migration {
  override up(): void {
    // Not by updated_at, which each revision changes: an index of it would make each revision write to every index.
    this.addSql(`create index task_closed on task (created_at) where status in ('canceled', 'archived')`);
    this.addSql(`create index session_task on session (task_id)`);
    this.addSql(`create index sandbox_task on sandbox (task_id)`);
  }
}
