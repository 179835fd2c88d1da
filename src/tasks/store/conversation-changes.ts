import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { NewMachineEvent } from '../domain/machine-event.ts';
import type { TaskFailure } from '../domain/task.ts';
import { type Connection, type FollowLease, FollowLostError } from '../domain/transcript/connection.ts';
import type { PromptState } from '../domain/transcript/prompt.ts';
import type { RequestOption, RequestState, RpcId } from '../domain/transcript/request.ts';
import { changeTask } from './change-task.ts';
import { type TranscriptWrite, writeTranscripts } from './transcript-writes.ts';

export interface PromptChange {
  readonly id: string;
  readonly from: readonly PromptState[];
  readonly to: PromptState;
  readonly error?: TaskFailure;
}

export interface NewRequest {
  readonly id: string;
  readonly launch: number;
  readonly rpcId: RpcId;
  readonly title: string;
  readonly toolCallPosition: number | null;
  readonly options: readonly RequestOption[];
}

/** Something that happened in a conversation and is a revision of its task. */
export interface ConversationFact {
  readonly event: Extract<NewMachineEvent, { type: 'conversationChanged' | 'sessionLost' }>;
  readonly prompt?: PromptChange;
  readonly newRequest?: NewRequest;
  /** The session's open requests become this, because nobody waits for their answers any more. */
  readonly settleRequests?: Exclude<RequestState, 'open' | 'answered'>;
  /** The turn that was to be stopped has ended. */
  readonly endsInterruption?: boolean;
  /** The agent was started again. With a connection: where it is found from now on. */
  readonly restart?: { readonly connection: Connection | null };
  /** The session is followed no more. */
  readonly closes?: boolean;
}

/** Milliseconds in which restarts are counted together. */
const restartWindowMs = 60_000;

/** A prompt is in another state by now: its change, and all that was to be written with it, is not made. */
export class PromptChangedError extends Error {
  override readonly name = 'PromptChangedError';
}

/**
 * Writes what a follower has to say, with what of it is a revision of the task, in one transaction. Throws FollowLostError when
 * the session has another follower or was closed, and PromptChangedError.
 */
export function changeConversation(
  db: Database,
  taskId: string,
  facts: readonly ConversationFact[],
  write: TranscriptWrite,
): Promise<void> {
  const { sessionId } = write.lease;
  return db.transaction(async (tx) => {
    // The task before the conversation, as everywhere: the other order is a deadlock.
    for (const { event, prompt, newRequest, settleRequests, endsInterruption, restart } of facts) {
      const changed = await changeTask(tx, taskId, { event });
      if (changed?.outcome !== 'changed') throw new FollowLostError(`${sessionId} was closed.`);
      if (prompt) await changePrompt(tx, prompt);
      if (newRequest) await insertRequest(tx, sessionId, changed.task.workspaceId, newRequest);
      if (settleRequests) await settleOpenRequests(tx, [sessionId], settleRequests);
      if (endsInterruption) await endInterruption(tx, sessionId);
      if (restart) await recordRestart(tx, write.lease, restart.connection);
    }
    if (!(await writeTranscripts(tx, [write])).has(sessionId)) {
      throw new FollowLostError(`${sessionId} has another follower.`);
    }
    if (facts.some(({ closes }) => closes)) await closeConversation(tx, sessionId);
  });
}

export async function changePrompt(tx: Database, { id, from, to, error }: PromptChange): Promise<void> {
  const { rows } = await sql`
    update prompt set state = ${to}, error = ${error ? JSON.stringify(error) : null}::jsonb,
      unknown_since = case when ${to} = 'unknown' then now() end
    where id = ${id} and state = any(${from}) returning id
  `.execute(tx.kysely);
  if (rows.length === 0) throw new PromptChangedError(`The prompt ${id} is in another state.`);
}

async function insertRequest(
  tx: Database,
  sessionId: string,
  workspaceId: string,
  request: NewRequest,
): Promise<void> {
  await sql`
    insert into agent_request (id, session_id, workspace_id, launch, rpc_id, title, tool_call_position, options, state, created_at)
    values (${request.id}, ${sessionId}, ${workspaceId}, ${request.launch}, ${JSON.stringify(request.rpcId)}::jsonb,
      ${request.title}, ${request.toolCallPosition}, ${JSON.stringify(request.options)}::jsonb, 'open', ${tx.clock.now()})
  `.execute(tx.kysely);
}

async function closeConversation(tx: Database, sessionId: string): Promise<void> {
  await sql`
    update conversation set is_open = false, followed_by = null, epoch = epoch + 1 where session_id = ${sessionId}
  `.execute(tx.kysely);
}

async function recordRestart(tx: Database, lease: FollowLease, connection: Connection | null): Promise<void> {
  const value = connection && JSON.stringify(connection);
  const isRecent = sql`restarts_since > now() - ${restartWindowMs} * interval '1 millisecond'`;
  await sql`
    update conversation set connection = coalesce(${value}::jsonb, connection), agent_end = null, next_connection = null,
      launch = launch + ${connection ? 1 : 0}, restarts = case when ${isRecent} then restarts + 1 else 1 end,
      restarts_since = case when ${isRecent} then restarts_since else now() end
    where session_id = ${lease.sessionId} and epoch = ${lease.epoch}
  `.execute(tx.kysely);
  // The agent that may have got them is gone.
  await sql`
    update prompt set unknown_since = null where session_id = ${lease.sessionId} and state = 'unknown'
  `.execute(tx.kysely);
}

/** How often the session's agent was started again within a minute, by all workers. */
export async function countRestarts(db: Database, sessionId: string): Promise<number> {
  const { rows } = await sql<{ restarts: number }>`
    select restarts from conversation
    where session_id = ${sessionId} and restarts_since > now() - ${restartWindowMs} * interval '1 millisecond'
  `.execute(db.kysely);
  return rows[0]?.restarts ?? 0;
}

async function endInterruption(tx: Database, sessionId: string): Promise<void> {
  await sql`
    update conversation set interrupted_at = null where session_id = ${sessionId} and interrupted_at is not null
  `.execute(tx.kysely);
}

/** Nobody waits for answers any more. The follower tells the agent. */
export async function settleOpenRequests(
  tx: Database,
  sessionIds: readonly string[],
  state: 'canceled' | 'expired',
): Promise<void> {
  await sql`
    update agent_request set state = ${state}, is_delivered = ${state === 'expired'}::bool
    where session_id = any(${sessionIds}) and state = 'open'
  `.execute(tx.kysely);
}

export async function hasPromptState(db: Database, id: string, state: PromptState): Promise<boolean> {
  const row = await db.kysely
    .selectFrom('prompt')
    .select('id')
    .where('id', '=', id)
    .where('state', '=', state)
    .executeTakeFirst();
  return row !== undefined;
}
