import { Migration } from '@mikro-orm/migrations';

/** What is said and done in sessions: who follows them, their transcripts, prompts and requests. */
export class Migration011Conversations extends Migration {
  override up(): void {
    // One row for each session that is followed. It is updated several times a second, so no index has a column that changes
    // with the transcript, and its pages have room for the next version of a row.
    this.addSql(`
      create table conversation (
        session_id text collate "C" primary key references session,
        task_id text collate "C" not null references task,
        followed_by text,
        epoch integer not null default 0,
        is_open boolean not null default true,
        location text,
        connection jsonb not null,
        launch integer not null default 1,
        stream_position integer not null default 0,
        sequence integer not null default 0,
        position integer not null default 0,
        turn_position integer not null default 1,
        turn_prompt_id text collate "C",
        failure jsonb,
        interrupted_at timestamptz(3)
      ) with (fillfactor = 50)`);
    this.addSql(`create index conversation_task on conversation (task_id)`);
    this.addSql(
      `create index conversation_unfollowed on conversation (session_id) where is_open and followed_by is null`,
    );
    this.addSql(
      `create index conversation_followed on conversation (followed_by) where followed_by is not null`,
    );

    this.addSql(`
      create table transcript_item (
        session_id text collate "C" not null references session,
        position integer not null,
        id text collate "C" not null unique,
        sequence integer not null,
        kind text not null,
        data jsonb not null,
        text text not null,
        is_complete boolean not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        primary key (session_id, position)
      )`);
    this.addSql(`create index transcript_item_sequence on transcript_item (session_id, sequence)`);

    // What was added to the text of an item that is not complete. Written once and deleted when the item is complete: text
    // that grows in many pieces is never rewritten.
    this.addSql(`
      create table transcript_chunk (
        session_id text collate "C" not null references session,
        sequence integer not null,
        position integer not null,
        text_offset integer not null,
        text text not null,
        primary key (session_id, sequence)
      )`);

    // 'number' is the revision of the task that stored the prompt: the order in which the agent gets them.
    this.addSql(`
      create table prompt (
        id text collate "C" primary key,
        session_id text collate "C" not null references session,
        number integer not null,
        text text not null,
        state text not null,
        error jsonb,
        created_at timestamptz(3) not null
      )`);
    this.addSql(`create unique index prompt_order on prompt (session_id, number)`);
    this.addSql(
      `create index prompt_open on prompt (session_id) where state in ('queued', 'sending', 'accepted', 'unknown')`,
    );

    this.addSql(`
      create table agent_request (
        id text collate "C" primary key,
        session_id text collate "C" not null references session,
        workspace_id text collate "C" not null references workspace,
        launch integer not null,
        rpc_id jsonb not null,
        title text not null,
        tool_call_position integer,
        options jsonb not null,
        state text not null,
        answer text,
        is_delivered boolean not null default false,
        created_at timestamptz(3) not null,
        answered_at timestamptz(3)
      )`);
    this.addSql(`create index agent_request_inbox on agent_request (workspace_id, state, id)`);
    this.addSql(`create index agent_request_session on agent_request (session_id)`);
    this.addSql(
      `create index agent_request_undelivered on agent_request (session_id) where not is_delivered`,
    );

    // The first prompts of sessions that were stored before. Their providers handed them over without a word about it.
    this.addSql(`
      insert into prompt (id, session_id, number, text, state, created_at)
      select 'prompt' || substr(session.id, length('session') + 1), session.id, 1, session.prompt,
        case state_of ->> 'status' when 'ready' then 'done' when 'closed' then 'failed' when 'error' then 'failed' else 'queued' end,
        (state_of ->> 'createdAt')::timestamptz
      from session join task on task.id = session.task_id
      cross join lateral jsonb_array_elements(task.state -> 'sessions') as states (state_of)
      where session.prompt is not null and state_of ->> 'id' = session.id`);
  }
}
