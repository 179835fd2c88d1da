import { Migration } from '@mikro-orm/migrations';

/** What a worker's process is recognized by on its host. */
export class Migration004WorkerProcess extends Migration {
  override up(): void {
    this.addSql(`
      alter table worker
        add column host text,
        add column pid integer,
        add column process_start text`);
  }
}
