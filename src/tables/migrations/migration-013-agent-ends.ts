import { Migration } from '@mikro-orm/migrations';

/** What a follower knows of its agent and has not acted on yet, for the one that follows after it. */
export class Migration013AgentEnds extends Migration {
  override up(): void {
    this.addSql(`
      alter table conversation
        add column agent_end text,
        add column next_connection jsonb,
        add column restarts integer not null default 0,
        add column restarts_since timestamptz(3)`);
    this.addSql(`alter table prompt add column response text`);
  }
}
