import { Migration } from '@mikro-orm/migrations';

/** Where a sandbox lies, for providers whose sandboxes only some workers reach. */
export class Migration005SandboxLocation extends Migration {
  override up(): void {
    this.addSql('alter table sandbox add column location text');
  }
}
