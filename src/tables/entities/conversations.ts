import { defineEntity, p } from '@mikro-orm/core';
import type { TaskFailure } from '../../tasks/domain/task.ts';
import type { AgentEnd, Connection } from '../../tasks/domain/transcript/connection.ts';
import type { ItemData, ItemKind } from '../../tasks/domain/transcript/item.ts';
import type { PromptState } from '../../tasks/domain/transcript/prompt.ts';
import type { RequestOption, RequestState, RpcId } from '../../tasks/domain/transcript/request.ts';
import { id, instant } from './columns.ts';
import { SessionEntity, TaskEntity, WorkspaceEntity } from './tasks.ts';

/** How a session is followed, and how far its transcript has come. */
export const ConversationEntity = defineEntity({
  name: 'Conversation',
  tableName: 'conversation',
  indexes: [
    { name: 'conversation_task', properties: ['task'] },
    {
      name: 'conversation_unfollowed',
      properties: ['session'],
      expression:
        'create index conversation_unfollowed on conversation (session_id) where is_open and followed_by is null',
    },
    {
      name: 'conversation_followed',
      properties: ['followedBy'],
      expression:
        'create index conversation_followed on conversation (followed_by) where followed_by is not null',
    },
  ],
  properties: {
    session: () =>
      p
        .manyToOne(SessionEntity)
        .foreignKeyName('conversation_session_id_fkey')
        .deleteRule('no action')
        .updateRule('no action')
        .primary(),
    task: () => p.manyToOne(TaskEntity).foreignKeyName('conversation_task_id_fkey'),
    /** The worker that follows it. */
    followedBy: p.text().nullable(),
    /** Rises each time that a worker takes or loses it: it fences off every earlier follower. */
    epoch: p.integer().default(0),
    /** Whether it is to be followed. */
    isOpen: p.boolean().default(true),
    /** Of the sandbox: only workers whose provider has this location reach it; null: every worker does. */
    location: p.text().nullable(),
    /** Where the agent is found. Never leaves the worker. */
    connection: p.json<Connection>(),
    /** Rises with each new connection. */
    launch: p.integer().default(1),
    /** The number of the last message of this launch that is stored. */
    streamPosition: p.integer().default(0),
    /** The number of the last change of the items. */
    sequence: p.integer().default(0),
    /** The place of the last item. */
    position: p.integer().default(0),
    /** The first place of the turn that runs, or of what comes outside of turns since the last one. */
    turnPosition: p.integer().default(1),
    turnPrompt: p.text().collation('C').fieldName('turn_prompt_id').nullable(),
    /** Why the connection is of no use any more. */
    failure: p.json<TaskFailure>().nullable(),
    interruptedAt: instant().nullable(),
    /** What became of the agent's process that no follower has acted on yet. */
    agentEnd: p.text().$type<AgentEnd>().nullable(),
    /** Where the agent is that has taken its place. */
    nextConnection: p.json<Connection>().nullable(),
    /** How often the agent was started again since `restartsSince`. */
    restarts: p.integer().default(0),
    restartsSince: instant().nullable(),
  },
});

/** One thing in a transcript. Its text is `text` with its chunks after that. */
export const TranscriptItemEntity = defineEntity({
  name: 'TranscriptItem',
  tableName: 'transcript_item',
  uniques: [{ name: 'transcript_item_id_key', properties: ['id'] }],
  indexes: [{ name: 'transcript_item_sequence', properties: ['session', 'sequence'] }],
  properties: {
    session: () => p.manyToOne(SessionEntity).foreignKeyName('transcript_item_session_id_fkey').primary(),
    position: p.integer().primary(),
    id: id(),
    sequence: p.integer(),
    kind: p.text().$type<ItemKind>(),
    data: p.json<ItemData>(),
    text: p.text(),
    isComplete: p.boolean(),
    createdAt: instant(),
    updatedAt: instant(),
  },
});

/** Text that was added to an item which is not complete. */
export const TranscriptChunkEntity = defineEntity({
  name: 'TranscriptChunk',
  tableName: 'transcript_chunk',
  properties: {
    session: () => p.manyToOne(SessionEntity).foreignKeyName('transcript_chunk_session_id_fkey').primary(),
    sequence: p.integer().primary(),
    position: p.integer(),
    /** In UTF-16 code units. */
    textOffset: p.integer(),
    text: p.text(),
  },
});

/** What a person asks of an agent. */
export const PromptEntity = defineEntity({
  name: 'Prompt',
  tableName: 'prompt',
  uniques: [{ name: 'prompt_order', properties: ['session', 'number'] }],
  indexes: [
    {
      name: 'prompt_open',
      properties: ['session'],
      expression: `create index prompt_open on prompt (session_id) where state in ('queued', 'sending', 'accepted', 'unknown')`,
    },
  ],
  properties: {
    id: id().primary(),
    session: () => p.manyToOne(SessionEntity).foreignKeyName('prompt_session_id_fkey'),
    /** The revision of the task that stored it: the order in which the agent gets them. */
    number: p.integer(),
    text: p.text(),
    state: p.text().$type<PromptState>(),
    error: p.json<TaskFailure>().nullable(),
    createdAt: instant(),
    /** The agent's response, where it came on the request and the stream has not delivered it yet. JSON. */
    response: p.text().nullable(),
    /** While it is UNKNOWN, and the agent that may have got it is still there. */
    unknownSince: instant().nullable(),
  },
});

/** What an agent waits for. */
export const AgentRequestEntity = defineEntity({
  name: 'AgentRequest',
  tableName: 'agent_request',
  indexes: [
    { name: 'agent_request_inbox', properties: ['workspace', 'state', 'id'] },
    { name: 'agent_request_session', properties: ['session'] },
    {
      name: 'agent_request_undelivered',
      properties: ['session'],
      expression:
        'create index agent_request_undelivered on agent_request (session_id) where not is_delivered',
    },
  ],
  properties: {
    id: id().primary(),
    session: () => p.manyToOne(SessionEntity).foreignKeyName('agent_request_session_id_fkey'),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('agent_request_workspace_id_fkey').mapToPk(),
    /** The launch of the agent that asked: a later one knows nothing of it. */
    launch: p.integer(),
    /** The agent's own id of it. */
    rpcId: p.json<RpcId>(),
    title: p.text(),
    toolCallPosition: p.integer().nullable(),
    options: p.json<readonly RequestOption[]>(),
    state: p.text().$type<RequestState>(),
    answer: p.text().nullable(),
    /** Whether the agent has been told. */
    isDelivered: p.boolean().default(false),
    createdAt: instant(),
    answeredAt: instant().nullable(),
  },
});
