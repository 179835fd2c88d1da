import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { FollowLease } from '../domain/transcript/connection.ts';
import type { PromptState } from '../domain/transcript/prompt.ts';
import type { RequestState, RpcId } from '../domain/transcript/request.ts';

export interface PendingPrompt {
  readonly id: string;
  readonly text: string;
  readonly state: PromptState;
  /** The response to it that came on its request; the stream delivers it too. */
  readonly response: string | null;
  /** Milliseconds; null unless it is unknown, and the agent that may have got it is still there. */
  readonly unknownForMs: number | null;
  /** The agent has ended its work on a later one. */
  readonly isPassedOver: boolean;
}

export interface PendingAnswer {
  readonly id: string;
  readonly rpcId: RpcId;
  readonly state: RequestState;
  readonly answer: string | null;
}

/** What a follower has to do, apart from listening. */
export interface PendingWork {
  /** Oldest first: those that the agent works on or may have got, and the first one that waits. */
  readonly prompts: readonly PendingPrompt[];
  /** Settled requests of which the agent has not been told. */
  readonly answers: readonly PendingAnswer[];
  /** Of which prompt the work is to be stopped. */
  readonly interruptedAt: string | null;
}

/** Null when the lease is gone. */
export async function readPendingWork(
  db: Database,
  { sessionId, epoch }: FollowLease,
  launch: number,
): Promise<PendingWork | null> {
  const { rows } = await sql<{
    prompts: PendingPrompt[] | null;
    answers: PendingAnswer[] | null;
    interrupted_at: string | null;
  }>`
    select interrupted_at, (
      select json_agg(json_build_object('id', id, 'text', text, 'state', state, 'response', response,
        'unknownForMs', extract(epoch from now() - unknown_since) * 1000,
        'isPassedOver', unknown_since is not null and exists (
          select from prompt later where later.session_id = conversation.session_id and later.number > open.number
            and later.state in ('done', 'failed')
        )) order by number) from (
        select * from prompt where prompt.session_id = conversation.session_id
          and (state in ('sending', 'accepted') or state = 'unknown' and unknown_since is not null)
        union all
        (select * from prompt where prompt.session_id = conversation.session_id and state = 'queued' order by number limit 1)
      ) open
    ) as prompts, (
      select json_agg(json_build_object('id', id, 'rpcId', rpc_id, 'state', state, 'answer', answer) order by answered_at)
      from agent_request where agent_request.session_id = conversation.session_id and not is_delivered
        and state in ('answered', 'canceled') and agent_request.launch = ${launch}
    ) as answers
    from conversation where session_id = ${sessionId} and epoch = ${epoch} and is_open
  `.execute(db.kysely);
  const [row] = rows;
  return row
    ? {
        prompts: row.prompts ?? [],
        answers: row.answers ?? [],
        interruptedAt: row.interrupted_at,
      }
    : null;
}

/** Keeps the response to a prompt that has come on its request, until the stream has delivered it. */
export async function recordResponse(db: Database, promptId: string, response: string): Promise<void> {
  await sql`
    update prompt set response = ${response.replaceAll('\0', '')} where id = ${promptId} and state in ('sending', 'accepted')
  `.execute(db.kysely);
}

export async function recordDelivered(db: Database, requestIds: readonly string[]): Promise<void> {
  await sql`update agent_request set is_delivered = true where id = any(${requestIds})`.execute(db.kysely);
}

/** Of these sessions, those that have something to do for their follower. */
export async function findPendingWork(db: Database, sessionIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ session_id: string }>`
    select session_id from conversation where session_id = any(${sessionIds}) and (
      interrupted_at is not null
      or exists (select from prompt where prompt.session_id = conversation.session_id and prompt.state = 'queued')
        and not exists (select from prompt where prompt.session_id = conversation.session_id
          and prompt.state in ('sending', 'accepted'))
      or exists (select from agent_request where agent_request.session_id = conversation.session_id
        and not is_delivered and agent_request.state in ('answered', 'canceled')
        and agent_request.launch = conversation.launch)
    )
  `.execute(db.kysely);
  return rows.map((row) => row.session_id);
}
