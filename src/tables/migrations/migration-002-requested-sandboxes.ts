import { Migration } from '@mikro-orm/migrations';

/** A sandbox that is to be made is `requested`. */
export class Migration002RequestedSandboxes extends Migration {
  override up(): void {
    this.addSql('alter table sandbox drop constraint sandbox_state_check');
    this.addSql(`update sandbox set state = 'requested' where state = 'wanted'`);
    this.addSql(`
      alter table sandbox add constraint sandbox_state_check
        check (state in ('requested', 'releasing', 'released'))`);
  }
}
