import { Migration } from '@mikro-orm/migrations';

/** Logins of browsers. Processes of the version before go on during it: they know other cookies, and no logins. */
export class Migration009Logins extends Migration {
  override up(): void {
    this.addSql(`
      create table login (
        id text collate "C" primary key,
        workspace_id text collate "C" not null references workspace,
        token_id text collate "C" references api_token on delete cascade,
        hash bytea not null,
        created_at timestamptz(3) not null default now(),
        expires_at timestamptz(3) not null,
        ended_at timestamptz(3)
      )`);
    this.addSql(`create unique index login_hash_key on login (hash)`);
    this.addSql(`create index login_token on login (token_id) where token_id is not null`);
    this.addSql(`create index login_age on login (expires_at)`);
  }
}
