import { defineEntity, p } from '@mikro-orm/core';
import type { TaskEventKind } from '../tasks/domain/machine-event.ts';
import type { StepName, TaskStatus } from '../tasks/domain/status.ts';
import type { TaskFailure, TaskState } from '../tasks/domain/task.ts';
import type { AgentEnd, Connection } from '../tasks/domain/transcript/connection.ts';
import type { ItemData, ItemKind } from '../tasks/domain/transcript/item.ts';
import type { PromptState } from '../tasks/domain/transcript/prompt.ts';
import type { RequestOption, RequestState, RpcId } from '../tasks/domain/transcript/request.ts';
import type { TokenScope } from '../tasks/domain/viewer.ts';
import type { DeliveryState } from '../tasks/domain/webhook.ts';
import { storeDeliveries } from './migrations/migration-010-webhooks.ts';

// All tables. The migrations make them; a test compares the two (`migrator.checkSchema()`).

/** Ids and keys are compared by their bytes, whatever the database's language is. */
const id = () => p.text().collation('C');
/** An instant; the API shows milliseconds. */
const instant = () => p.datetime(3);
const createdNow = () => instant().defaultRaw('now()');

/** A tenant: only its own tokens see its projects and tasks. */
export const WorkspaceEntity = defineEntity({
  name: 'Workspace',
  tableName: 'workspace',
  properties: {
    id: id().primary(),
    name: p.text(),
    createdAt: createdNow(),
  },
});

/** A repository in a workspace. */
const ProjectEntity = defineEntity({
  name: 'Project',
  tableName: 'project',
  uniques: [{ name: 'project_repo_url', properties: ['workspace', 'repoUrl'] }],
  indexes: [{ name: 'project_page', properties: ['workspace', 'id'] }],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('project_workspace_id_fkey').mapToPk(),
    /** The one spelling that all spellings of the same repository come to. */
    repoUrl: p.text(),
    name: p.text(),
    createdAt: instant(),
  },
});

/** One piece of work for an agent. Its `state` is written by `tasks/store/write-task.ts` alone. */
const TaskEntity = defineEntity({
  name: 'Task',
  tableName: 'task',
  indexes: [
    { name: 'task_page', properties: ['workspace', 'id'] },
    { name: 'task_status_page', properties: ['workspace', 'status', 'id'] },
    { name: 'task_project_page', properties: ['project', 'id'] },
    { name: 'task_words', properties: ['words'], type: 'gin' },
    {
      name: 'task_waiting',
      properties: ['wakeAt'],
      expression: `create index task_waiting on task (wake_at) where wake_at is not null and leased_by is null`,
    },
    {
      name: 'task_leased',
      properties: ['leasedBy'],
      expression: 'create index task_leased on task (leased_by) where leased_by is not null',
    },
    {
      name: 'task_branch',
      expression: `create index task_branch on task (project_id, (state ->> 'branchName' collate "C"))`,
    },
    {
      name: 'task_closed',
      properties: ['createdAt'],
      expression: `create index task_closed on task (created_at) where status in ('canceled', 'archived')`,
    },
  ],
  checks: [{ name: 'task_revision_check', expression: 'revision > 0' }],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('task_workspace_id_fkey').mapToPk(),
    project: () => p.manyToOne(ProjectEntity).foreignKeyName('task_project_id_fkey'),
    /** As the client spelled it: what git is asked for. */
    repoUrl: p.text(),
    prompt: p.text(),
    provider: p.text(),
    agent: p.text(),
    baseRef: p.text().nullable(),
    revision: p.integer(),
    status: p.text().$type<TaskStatus>(),
    state: p.json<TaskState>(),
    createdAt: instant(),
    updatedAt: instant(),
    /** When a worker has to look at the task; null: never, unless something is asked of it. */
    wakeAt: instant().nullable(),
    /** The worker that holds the task. */
    leasedBy: p.text().nullable(),
    /** Rises each time that the task is leased, or its lease is revoked: it fences off every earlier holder. */
    epoch: p.integer().default(0),
    /** What a provider needs to find the sandbox and its agent again. Never leaves the worker. */
    endpoint: p.json<unknown>().nullable().lazy(),
    sandboxMetadata: p.json<Record<string, unknown>>().nullable().lazy(),
    /** What a search looks at: the title and the prompt. */
    words: p
      .type('tsvector')
      .$type<string>()
      .generated(`(to_tsvector('simple', coalesce(state ->> 'title', '') || ' ' || prompt)) stored`)
      .nullable()
      .lazy(),
  },
});

/** One revision of a task: what it was from then on. */
const TaskEventEntity = defineEntity({
  name: 'TaskEvent',
  tableName: 'task_event',
  uniques: [{ name: 'task_event_id_key', properties: ['id'] }],
  indexes: [{ name: 'task_event_xid', properties: ['xid'] }],
  triggers: [
    {
      name: 'store_deliveries',
      timing: 'after',
      events: ['insert'],
      forEach: 'row',
      body: storeDeliveries,
    },
  ],
  properties: {
    task: () => p.manyToOne(TaskEntity).foreignKeyName('task_event_task_id_fkey').primary(),
    revision: p.integer().primary(),
    id: id(),
    kind: p.text().$type<TaskEventKind>(),
    status: p.text().$type<TaskStatus>(),
    step: p.text().$type<StepName>().nullable(),
    error: p.json<TaskFailure>().nullable(),
    state: p.json<TaskState>(),
    at: instant(),
    /** A token by its name, `owner` or `system`; null: written by a version that did not store it. */
    actor: p.text().nullable(),
    /** The transaction that wrote it: shows what became visible since a reader last looked. */
    xid: p.type('xid8').$type<string>().defaultRaw('pg_current_xact_id()').lazy(),
  },
});

/** The credentials of workspaces. Of each token's text only the hash is stored. */
const ApiTokenEntity = defineEntity({
  name: 'ApiToken',
  tableName: 'api_token',
  uniques: [{ name: 'api_token_hash_key', properties: ['hash'] }],
  indexes: [
    { name: 'api_token_page', properties: ['workspace', 'id'] },
    {
      name: 'api_token_task',
      properties: ['task'],
      expression: 'create index api_token_task on api_token (task_id) where task_id is not null',
    },
  ],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('api_token_workspace_id_fkey').mapToPk(),
    name: p.text(),
    /** SHA-256. */
    hash: p.blob(),
    prefix: p.text(),
    scopes: p.array().columnType('text[]').$type<TokenScope[]>(),
    /** The one task that a task token sees. Deleted together with it. */
    task: () =>
      p
        .manyToOne(TaskEntity)
        .foreignKeyName('api_token_task_id_fkey')
        .deleteRule('cascade')
        .updateRule('no action')
        .mapToPk()
        .nullable(),
    createdAt: createdNow(),
    expiresAt: instant().nullable(),
    revokedAt: instant().nullable(),
    lastUsedAt: instant().nullable(),
  },
});

/** The logins of browsers. Of the secret in each browser's cookie only a hash is stored. */
const LoginEntity = defineEntity({
  name: 'Login',
  tableName: 'login',
  uniques: [{ name: 'login_hash_key', properties: ['hash'] }],
  indexes: [
    {
      name: 'login_token',
      properties: ['token'],
      expression: 'create index login_token on login (token_id) where token_id is not null',
    },
    { name: 'login_age', properties: ['expiresAt'] },
  ],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('login_workspace_id_fkey').mapToPk(),
    /** The token that it was made from, without which it opens nothing; null: the owner's. */
    token: () =>
      p
        .manyToOne(ApiTokenEntity)
        .foreignKeyName('login_token_id_fkey')
        .deleteRule('cascade')
        .updateRule('no action')
        .mapToPk()
        .nullable(),
    /** Keyed with the owner's token where that made the login, so that the login ends when the token changes. */
    hash: p.blob(),
    createdAt: createdNow(),
    expiresAt: instant(),
    endedAt: instant().nullable(),
  },
});

/** What was done with tokens, workspaces and whole tasks, and by whom. A trigger refuses every change of a row. */
const AuditEventEntity = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  indexes: [{ name: 'audit_event_page', properties: ['workspace', 'id'] }],
  triggers: [
    {
      name: 'append_only',
      timing: 'before',
      events: ['delete', 'update'],
      forEach: 'statement',
      body: `raise exception 'The audit log can only be added to.'`,
    },
  ],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('audit_event_workspace_id_fkey').mapToPk(),
    at: createdNow(),
    actor: p.text(),
    action: p.text(),
    objectId: p.text(),
    details: p.json<Record<string, unknown>>().default('{}'),
  },
});

/** What of a session never changes; how it is doing stands in its task's state. */
export const SessionEntity = defineEntity({
  name: 'Session',
  tableName: 'session',
  indexes: [{ name: 'session_task', properties: ['task'] }],
  properties: {
    id: id().primary(),
    task: () => p.manyToOne(TaskEntity).foreignKeyName('session_task_id_fkey'),
    prompt: p.text().nullable(),
  },
});

/** How a session is followed, and how far its transcript has come. */
const ConversationEntity = defineEntity({
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
const TranscriptItemEntity = defineEntity({
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
const TranscriptChunkEntity = defineEntity({
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
const PromptEntity = defineEntity({
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
const AgentRequestEntity = defineEntity({
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

/** The sandbox ledger: every sandbox that was ever intended, written down before it is made. */
const SandboxEntity = defineEntity({
  name: 'Sandbox',
  tableName: 'sandbox',
  indexes: [
    { name: 'sandbox_task', properties: ['task'] },
    {
      name: 'sandbox_releasing',
      properties: ['updatedAt'],
      expression: `create index sandbox_releasing on sandbox (updated_at) where state = 'releasing'`,
    },
  ],
  checks: [{ name: 'sandbox_state_check', expression: `state in ('requested', 'releasing', 'released')` }],
  properties: {
    key: id().primary(),
    task: () => p.manyToOne(TaskEntity).foreignKeyName('sandbox_task_id_fkey'),
    provider: p.text(),
    state: p.text().$type<'requested' | 'releasing' | 'released'>(),
    failures: p.integer().default(0),
    createdAt: createdNow(),
    updatedAt: createdNow(),
    /** Only workers whose provider has this location reach the sandbox; null: every worker does. */
    location: p.text().nullable(),
  },
});

/** The keys with which clients make a call safe to repeat, and what each call made. */
const IdempotencyKeyEntity = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_key',
  indexes: [{ name: 'idempotency_key_age', properties: ['createdAt'] }],
  properties: {
    workspace: () =>
      p.manyToOne(WorkspaceEntity).foreignKeyName('idempotency_key_workspace_id_fkey').mapToPk().primary(),
    key: p.text().primary(),
    inputHash: p.text(),
    objectId: p.text(),
    createdAt: createdNow(),
  },
});

/** Where revisions of a workspace are sent. */
const WebhookEntity = defineEntity({
  name: 'Webhook',
  tableName: 'webhook',
  indexes: [{ name: 'webhook_page', properties: ['workspace', 'id'] }],
  properties: {
    id: id().primary(),
    workspace: () => p.manyToOne(WorkspaceEntity).foreignKeyName('webhook_workspace_id_fkey').mapToPk(),
    url: p.text(),
    /** Of the events that it asks for; null: all. */
    kinds: p.array().columnType('text[]').nullable(),
    /** What signs. Readable, because each delivery is signed with it. */
    secret: p.text(),
    /** Signs too, until then. */
    previousSecret: p.text().nullable(),
    previousSecretUntil: instant().nullable(),
    /** While it is switched off, no deliveries are stored for it, and none are sent. */
    isEnabled: p.boolean().default(true),
    disabledAt: instant().nullable(),
    /** Null: somebody switched it off. */
    disabledReason: p.text().nullable(),
    /** The first attempt that failed since the last one that was accepted. */
    failingSince: instant().nullable(),
    /** Until then no delivery is attempted again. */
    retryAt: instant().nullable(),
    /** The worker that sends its deliveries; one at a time, which keeps their order. */
    leasedBy: p.text().nullable(),
    createdAt: createdNow(),
  },
});

/**
 * One revision, or a test, for one webhook. The trigger of `task_event` stores it in the transaction of the revision. Without
 * a foreign key to the webhook: each revision would lock the webhook's row.
 */
const WebhookDeliveryEntity = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_delivery',
  indexes: [
    { name: 'webhook_delivery_page', properties: ['webhookId', 'id'] },
    {
      name: 'webhook_delivery_pending',
      properties: ['webhookId', 'task', 'revision'],
      expression: `create index webhook_delivery_pending on webhook_delivery (webhook_id, task_id, revision) where state = 'pending'`,
    },
    { name: 'webhook_delivery_task', properties: ['task'] },
  ],
  checks: [
    { name: 'webhook_delivery_state_check', expression: `state in ('pending', 'delivered', 'failed')` },
  ],
  properties: {
    id: p.uuid().primary(),
    webhookId: id(),
    /** Null: a test. Deleted together with the task. */
    task: () =>
      p
        .manyToOne(TaskEntity)
        .foreignKeyName('webhook_delivery_task_id_fkey')
        .deleteRule('cascade')
        .updateRule('no action')
        .mapToPk()
        .nullable(),
    revision: p.integer().nullable(),
    /** The event's id, by which receivers know what they have had. */
    messageId: id(),
    kind: p.text(),
    state: p.text().$type<DeliveryState>().default('pending'),
    attempts: p.integer().default(0),
    nextAttemptAt: instant().defaultRaw('now()').nullable(),
    firstFailedAt: instant().nullable(),
    lastAttemptAt: instant().nullable(),
    deliveredAt: instant().nullable(),
    /** Of the last attempt. */
    responseStatus: p.integer().nullable(),
    error: p.text().nullable(),
    createdAt: createdNow(),
  },
});

/** The points that a token has used in its window of time. Unlogged: a crash of the database forgets them. */
const RateLimitEntity = defineEntity({
  name: 'RateLimit',
  tableName: 'rate_limit',
  indexes: [{ name: 'rate_limit_age', properties: ['resetsAt'] }],
  properties: {
    key: id().primary(),
    points: p.integer(),
    resetsAt: instant(),
  },
});

/** The workers that live. */
const WorkerEntity = defineEntity({
  name: 'Worker',
  tableName: 'worker',
  properties: {
    id: p.text().primary(),
    /** The number of the advisory lock that the worker holds on a connection of its own. */
    lock: p.integer().autoincrement().generated('identity'),
    /** The ids under which Graphile Worker locks its jobs. */
    poolIds: p.array().columnType('text[]'),
    /** What its process is recognized by on its host; null: it cannot be recognized. */
    host: p.text().nullable(),
    pid: p.integer().nullable(),
    processStart: p.text().nullable(),
    /** Of which it reaches the sandboxes; null: unknown, it is of an earlier version. */
    locations: p.array().columnType('text[]').nullable(),
    startedAt: createdNow(),
    heartbeatAt: createdNow(),
  },
});

/** When a sweep that one worker makes for all was last made. */
const SweepEntity = defineEntity({
  name: 'Sweep',
  tableName: 'sweep',
  properties: {
    name: p.text().primary(),
    sweptAt: createdNow(),
  },
});

export const entities = [
  WorkspaceEntity,
  ProjectEntity,
  TaskEntity,
  TaskEventEntity,
  SessionEntity,
  ConversationEntity,
  TranscriptItemEntity,
  TranscriptChunkEntity,
  PromptEntity,
  AgentRequestEntity,
  SandboxEntity,
  IdempotencyKeyEntity,
  ApiTokenEntity,
  LoginEntity,
  AuditEventEntity,
  WebhookEntity,
  WebhookDeliveryEntity,
  RateLimitEntity,
  WorkerEntity,
  SweepEntity,
] as const;
