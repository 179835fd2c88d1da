import { Migration } from '@mikro-orm/migrations';

/**
 * New words wait in a list until it is full, and each search reads all of it: with PostgreSQL's 4 MB that was 3 ms, more than all
 * else that a search does. In kilobytes.
 */
export class Migration016ShortListOfWords extends Migration {
  override up(): void {
    this.addSql('alter index task_words set (gin_pending_list_limit = 256)');
  }
}
