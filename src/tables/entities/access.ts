import { defineEntity, p } from '@mikro-orm/core';
import type { TokenScope } from '../../tasks/domain/viewer.ts';
import { createdNow, id, instant } from './columns.ts';
import { TaskEntity, WorkspaceEntity } from './tasks.ts';

/** The credentials of workspaces. Of each token's text only the hash is stored. */
export const ApiTokenEntity = defineEntity({
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
export const LoginEntity = defineEntity({
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
export const AuditEventEntity = defineEntity({
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

/** The points that a token has used in its window of time. Unlogged: a crash of the database forgets them. */
export const RateLimitEntity = defineEntity({
  name: 'RateLimit',
  tableName: 'rate_limit',
  indexes: [{ name: 'rate_limit_age', properties: ['resetsAt'] }],
  properties: {
    key: id().primary(),
    points: p.integer(),
    resetsAt: instant(),
  },
});
