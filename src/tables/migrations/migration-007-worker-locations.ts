import { Migration } from '@mikro-orm/migrations';

/** The locations of which a worker reaches the sandboxes; null for a worker of an earlier version. */
export class Migration007WorkerLocations extends Migration {
  override up(): void {
    this.addSql('alter table worker add column locations text[]');
  }
}
