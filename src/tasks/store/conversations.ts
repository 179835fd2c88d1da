import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Lease } from '../domain/lease.ts';
import type { SessionStatus } from '../domain/status.ts';
import type { TaskFailure } from '../domain/task.ts';
import {
  type AgentEnd,
  type Connection,
  type FollowLease,
  FollowLostError,
} from '../domain/transcript/connection.ts';
import type { SegmentStart } from '../domain/transcript/segment.ts';
import { selectTasks } from './task-rows.ts';
import { addedText, type ItemRow, itemColumns, toItem } from './transcript-rows.ts';
import { followChannel } from './transcript-wake-up.ts';

// Who follows which session, and where its agent is found.

/** A session as its follower has it. */
export interface FollowedConversation {
  readonly lease: FollowLease;
  readonly taskId: string;
  readonly connection: Connection;
  readonly launch: number;
  /** The number of the last message of this launch that is stored. */
  readonly streamPosition: number;
  readonly sequence: number;
  readonly agentEnd: AgentEnd | null;
  /** Where the agent is that has taken the place of the one that is followed. */
  readonly nextConnection: Connection | null;
}

interface ConversationRow {
  readonly session_id: string;
  readonly task_id: string;
  readonly epoch: number;
  readonly connection: Connection;
  readonly launch: number;
  readonly stream_position: number;
  readonly sequence: number;
  readonly agent_end: AgentEnd | null;
  readonly next_connection: Connection | null;
}

/**
 * Takes up to `limit` sessions that nobody follows, under new epochs: those whose sandboxes lie where this worker reaches
 * them. None when the worker was declared dead.
 */
export async function followConversations(
  db: Database,
  workerId: string,
  locations: readonly string[],
  limit: number,
): Promise<FollowedConversation[]> {
  const { rows } = await sql<ConversationRow>`
    with alive as (
      select from worker where id = ${workerId} for key share
    ), free as (
      select session_id from conversation
      where is_open and followed_by is null and failure is null
        and (location is null or location = any(${locations})) and exists (select from alive)
      limit ${limit} for update skip locked
    )
    update conversation set followed_by = ${workerId}, epoch = epoch + 1
    from free where conversation.session_id = free.session_id
    returning conversation.session_id, task_id, epoch, connection, launch, stream_position, sequence,
      agent_end, next_connection
  `.execute(db.kysely);
  return rows.map((row) => ({
    lease: { sessionId: row.session_id, epoch: row.epoch },
    taskId: row.task_id,
    connection: row.connection,
    launch: row.launch,
    streamPosition: row.stream_position,
    sequence: row.sequence,
    agentEnd: row.agent_end,
    nextConnection: row.next_connection,
  }));
}

/** Takes all sessions from a worker that stops or is dead, for other workers. */
export async function releaseConversationsOf(db: Database, workerId: string): Promise<void> {
  await db.kysely
    .updateTable('conversation')
    .set((column) => ({ followed_by: null, epoch: column('epoch', '+', 1) }))
    .where('followed_by', '=', workerId)
    .execute();
}

/** Gives a session back, for another worker. */
export async function releaseConversation(db: Database, { sessionId, epoch }: FollowLease): Promise<void> {
  await db.kysely
    .updateTable('conversation')
    .set((column) => ({ followed_by: null, epoch: column('epoch', '+', 1) }))
    .where('session_id', '=', sessionId)
    .where('epoch', '=', epoch)
    .execute();
}

/** Stores what has become of the agent's process, for the next follower. Throws FollowLostError. */
export async function recordAgentEnd(
  db: Database,
  { sessionId, epoch }: FollowLease,
  end: AgentEnd,
): Promise<void> {
  const row = await db.kysely
    .updateTable('conversation')
    .set({ agent_end: end })
    .where('session_id', '=', sessionId)
    .where('epoch', '=', epoch)
    .returning('session_id')
    .executeTakeFirst();
  if (!row) throw new FollowLostError(`${sessionId} has another follower.`);
}

/** The leases that the worker holds. */
export async function followLeasesOf(db: Database, workerId: string): Promise<FollowLease[]> {
  const rows = await db.kysely
    .selectFrom('conversation')
    .select(['session_id', 'epoch'])
    .where('followed_by', '=', workerId)
    .where('is_open', '=', true)
    .execute();
  return rows.map(({ session_id, epoch }) => ({ sessionId: session_id, epoch }));
}

/** Where a transcript stands, for the follower that has just taken it. */
export async function readSegment(db: Database, sessionId: string): Promise<SegmentStart> {
  const { rows } = await sql<{
    position: number;
    turn_position: number;
    turn_prompt_id: string | null;
    items: ItemRow[] | null;
  }>`
    select position, turn_position, turn_prompt_id, (
      select jsonb_agg(case when open.item_is_complete then to_jsonb(open) || '{"item_text": ""}' else to_jsonb(open) end
        order by open.item_position) from (
        select ${itemColumns} from transcript_item item ${addedText}
        where item.session_id = conversation.session_id and item.position >= conversation.turn_position
          and (not item.is_complete or item.kind = 'tool_call')
      ) open
    ) as items
    from conversation where session_id = ${sessionId}
  `.execute(db.kysely);
  const [row] = rows;
  if (!row) throw new Error(`The session ${sessionId} has no conversation.`);
  return {
    position: row.position,
    turnPosition: row.turn_position,
    promptId: row.turn_prompt_id,
    items: (row.items ?? []).map(toItem),
  };
}

/**
 * Stores how a session of a leased task is followed. The same connection changes nothing, unless it had failed: then, and for
 * another connection, messages are read from the first one on, by the worker that takes it. Where the agent of an earlier
 * connection may have got a prompt, its last words are read first. Nothing when the lease is gone.
 */
export async function storeConnection(
  db: Database,
  lease: Lease,
  sessionId: string,
  connection: Connection,
  location: string | null,
): Promise<void> {
  const value = JSON.stringify(connection);
  const isReplaced = sql`(conversation.connection <> excluded.connection and (conversation.sequence > 0 or exists (
    select from prompt where prompt.session_id = conversation.session_id and state in ('sending', 'accepted', 'unknown'))))`;
  await sql`
    with stored as (
      insert into conversation (session_id, task_id, location, connection)
      select ${sessionId}, id, ${location}, ${value}::jsonb from task where id = ${lease.taskId} and epoch = ${lease.epoch}
      on conflict (session_id) do update set location = excluded.location, failure = null, followed_by = null,
        epoch = conversation.epoch + 1,
        connection = case when ${isReplaced} then conversation.connection else excluded.connection end,
        launch = case when ${isReplaced} then conversation.launch else conversation.launch + 1 end,
        stream_position = case when ${isReplaced} then conversation.stream_position else 0 end,
        next_connection = case when ${isReplaced} then excluded.connection end,
        agent_end = case when ${isReplaced} then 'replaced' end
        where conversation.failure is not null or conversation.connection <> excluded.connection
          and conversation.next_connection is distinct from excluded.connection
      returning task_id
    )
    select pg_notify(${sql.lit(followChannel)}, '') from stored
  `.execute(db.kysely);
}

/** How far the opening of a session has come. */
export interface OpeningState {
  /** Of the session's first prompt; null: it has none. */
  readonly promptState: string | null;
  /** Why its connection is of no use. */
  readonly failure: TaskFailure | null;
  /** The session's. */
  readonly status: SessionStatus | null;
}

export async function readOpening(db: Database, sessionId: string): Promise<OpeningState> {
  const { rows } = await sql<{
    prompt_state: string | null;
    failure: TaskFailure | null;
    status: SessionStatus | null;
  }>`
    select (select state from prompt where prompt.session_id = session.id order by number limit 1) as prompt_state,
      conversation.failure, (
        select state_of ->> 'status' from jsonb_array_elements(task.state -> 'sessions') as states (state_of)
        where state_of ->> 'id' = session.id
      ) as status
    from session join task on task.id = session.task_id left join conversation on conversation.session_id = session.id where session.id = ${sessionId}
  `.execute(db.kysely);
  const [row] = rows;
  return {
    promptState: row?.prompt_state ?? null,
    failure: row?.failure ?? null,
    status: row?.status ?? null,
  };
}

/** What a provider needs to find a task's sandbox again. */
export interface SandboxOfTask {
  readonly provider: string;
  readonly sandbox: SandboxPlace;
  /** Undefined for a session that the task does not have. */
  agentOf(sessionId: string): string | undefined;
}

interface SandboxPlace {
  readonly id: string;
  readonly cwd: string;
  readonly metadata?: Record<string, unknown>;
}

/** Null when the task has no sandbox. */
export async function readSandboxOf(db: Database, taskId: string): Promise<SandboxOfTask | null> {
  const row = await selectTasks(db)
    .select('task.sandbox_metadata')
    .where('task.id', '=', taskId)
    .executeTakeFirst();
  const sandbox = row?.state.sandbox;
  if (!row || !sandbox) return null;
  const metadata = row.sandbox_metadata as Record<string, unknown> | null;
  return {
    provider: row.provider,
    sandbox: { id: sandbox.id, cwd: sandbox.cwd, ...(metadata ? { metadata } : {}) },
    agentOf: (sessionId) => row.state.sessions.find(({ id }) => id === sessionId)?.agent,
  };
}

/** Says why a session that is being opened cannot be followed; the step that opens it then starts again. */
export async function failOpening(
  db: Database,
  { sessionId, epoch }: FollowLease,
  failure: TaskFailure,
): Promise<void> {
  await sql`
    update conversation set failure = ${JSON.stringify(failure)}::jsonb, followed_by = null, epoch = epoch + 1
    where session_id = ${sessionId} and epoch = ${epoch}
  `.execute(db.kysely);
}
