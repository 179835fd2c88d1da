import { defineEntity, p } from '@mikro-orm/core';
import type { TaskEventKind } from '../../tasks/domain/machine-event.ts';
import type { StepName, TaskStatus } from '../../tasks/domain/status.ts';
import type { TaskFailure, TaskState } from '../../tasks/domain/task.ts';
import { hasNewWords, setWords, storeSearch, updateSearch } from '../migrations/migration-017-words-apart.ts';
import { storeDeliveries } from '../migrations/migration-018-deliveries-by-statement.ts';
import { createdNow, id, instant } from './columns.ts';

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
export const ProjectEntity = defineEntity({
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
export const TaskEntity = defineEntity({
  name: 'Task',
  tableName: 'task',
  indexes: [
    { name: 'task_page', properties: ['workspace', 'id'] },
    { name: 'task_status_page', properties: ['workspace', 'status', 'id'] },
    { name: 'task_project_page', properties: ['project', 'id'] },
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
  triggers: [
    { name: 'set_words', timing: 'before', events: ['insert'], body: setWords },
    { name: 'set_new_words', timing: 'before', events: ['update'], when: hasNewWords, body: setWords },
    { name: 'store_search', timing: 'after', events: ['insert'], forEach: 'statement', body: storeSearch },
    { name: 'update_search', timing: 'after', events: ['update'], when: hasNewWords, body: updateSearch },
  ],
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
    /** What processes of the version before search in; see {@link TaskSearchEntity}. To be dropped after the next release. */
    words: p.type('tsvector').$type<string>().nullable().lazy(),
  },
});

/** What a search looks at: the words of the title and the prompt. Triggers of `task` keep it. */
export const TaskSearchEntity = defineEntity({
  name: 'TaskSearch',
  tableName: 'task_search',
  indexes: [{ name: 'task_search_words', properties: ['words'], type: 'gin' }],
  properties: {
    task: () =>
      p
        .manyToOne(TaskEntity)
        .foreignKeyName('task_search_task_id_fkey')
        .deleteRule('cascade')
        .updateRule('no action')
        .primary(),
    words: p.type('tsvector').$type<string>(),
  },
});

/** One revision of a task: what it was from then on. */
export const TaskEventEntity = defineEntity({
  name: 'TaskEvent',
  tableName: 'task_event',
  uniques: [{ name: 'task_event_id_key', properties: ['id'] }],
  indexes: [{ name: 'task_event_xid', properties: ['xid'] }],
  triggers: [
    {
      name: 'store_deliveries',
      timing: 'after',
      events: ['insert'],
      forEach: 'statement',
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

/** The sandbox ledger: every sandbox that was ever intended, written down before it is made. */
export const SandboxEntity = defineEntity({
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
export const IdempotencyKeyEntity = defineEntity({
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
