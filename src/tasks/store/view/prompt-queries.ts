import { sql } from 'kysely';
import type { TaskErrorCode } from '../../domain/error-codes.ts';
import { type Page, type PageArguments, pageOf, rangeOf } from '../../domain/pagination.ts';
import type { Prompt } from '../../domain/transcript/prompt.ts';
import type { AgentRequest, RequestState } from '../../domain/transcript/request.ts';
import { toTimestamp } from '../task-rows.ts';
import { anyOf } from '../values-apart.ts';
import type { View } from './view.ts';

// What may be seen of prompts and requests. Each read begins with the view.

/** The prompts of these ids that the viewer sees, in no order. */
export async function findPrompts(view: View, ids: readonly string[]): Promise<Prompt[]> {
  const rows = await view.prompts().where('prompt.id', '=', anyOf(ids)).execute();
  return rows.map(toPrompt);
}

/** For each of these sessions the prompts that are queued, sent or worked on, in their order. */
export async function openPromptsOfSessions(view: View, sessionIds: readonly string[]): Promise<Prompt[][]> {
  const rows = await view
    .prompts()
    .where('prompt.session_id', '=', anyOf(sessionIds))
    .where('prompt.state', 'in', ['queued', 'sending', 'accepted'])
    .orderBy('prompt.number')
    .execute();
  return grouped(sessionIds, rows.map(toPrompt));
}

/** For each of these sessions the prompts that its agent has not got, as far as is known, in their order. */
export async function undeliveredPromptsOfSessions(
  view: View,
  sessionIds: readonly string[],
): Promise<Prompt[][]> {
  const rows = await view
    .prompts()
    .where('prompt.session_id', '=', anyOf(sessionIds))
    .where(
      sql<boolean>`prompt.state = 'unknown' or prompt.state = 'failed' and prompt.error ->> 'code' = ${'SESSION_FAILED' satisfies TaskErrorCode}`,
    )
    .orderBy('prompt.number')
    .execute();
  return grouped(sessionIds, rows.map(toPrompt));
}

/** The requests of these ids that the viewer sees, in no order. */
export async function findRequests(view: View, ids: readonly string[]): Promise<AgentRequest[]> {
  const rows = await view.requests().where('agent_request.id', '=', anyOf(ids)).execute();
  return rows.map(toRequest);
}

/** For each of these sessions the requests that wait for an answer, oldest first. */
export async function openRequestsOfSessions(
  view: View,
  sessionIds: readonly string[],
): Promise<AgentRequest[][]> {
  const rows = await view
    .requests()
    .where('agent_request.session_id', '=', anyOf(sessionIds))
    .where('agent_request.state', '=', 'open')
    .orderBy('agent_request.id')
    .execute();
  return grouped(sessionIds, rows.map(toRequest));
}

/** A page of the workspace's requests, oldest first. */
export async function pageRequests(
  view: View,
  state: RequestState | null,
  page: PageArguments,
): Promise<Page<AgentRequest>> {
  const range = rangeOf(page);
  const rows = await view
    .requests()
    .$if(state !== null, (query) => query.where('agent_request.state', '=', state as RequestState))
    .$if(range.after !== null, (query) => query.where('agent_request.id', '>', range.after))
    .$if(range.before !== null, (query) => query.where('agent_request.id', '<', range.before))
    .orderBy('agent_request.id', range.fromEnd ? 'desc' : 'asc')
    .limit(range.limit + 1)
    .execute();
  return pageOf(rows.map(toRequest), range, (request) => request.id);
}

function grouped<T extends { readonly sessionId: string }>(ids: readonly string[], all: readonly T[]): T[][] {
  const bySession = Map.groupBy(all, ({ sessionId }) => sessionId);
  return ids.map((id) => bySession.get(id) ?? []);
}

type PromptRow = Awaited<ReturnType<ReturnType<View['prompts']>['execute']>>[number];
type RequestRow = Awaited<ReturnType<ReturnType<View['requests']>['execute']>>[number];

function toPrompt(row: PromptRow): Prompt {
  return {
    id: row.id,
    sessionId: row.session_id,
    number: row.number,
    text: row.text,
    state: row.state,
    error: row.error,
    createdAt: toTimestamp(row.created_at),
  };
}

function toRequest(row: RequestRow): AgentRequest {
  return {
    id: row.id,
    sessionId: row.session_id,
    title: row.title,
    toolCallPosition: row.tool_call_position,
    options: row.options,
    state: row.state,
    answer: row.answer,
    createdAt: toTimestamp(row.created_at),
    answeredAt: row.answered_at === null ? null : toTimestamp(row.answered_at),
  };
}
