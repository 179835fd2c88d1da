import { Migration } from '@mikro-orm/migrations';

/** Since when it is not known whether the agent has got a prompt, for as long as its words may still show it. */
export class Migration014UnknownPrompts extends Migration {
  override up(): void {
    this.addSql(`alter table prompt add column unknown_since timestamptz(3)`);
    this.addSql(`update prompt set unknown_since = now() where state = 'unknown'`);
  }
}
