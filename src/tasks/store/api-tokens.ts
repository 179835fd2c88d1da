import { type Selectable, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Tables } from '../../tables/tables.ts';
import { newId } from '../domain/id.ts';
import type { Timestamp } from '../domain/task.ts';
import type { ApiToken, TokenScope, Workspace } from '../domain/viewer.ts';
import { insertAudit } from './audit-log.ts';
import { credentialEndChannel } from './credential-channels.ts';
import { toTimestamp } from './task-rows.ts';

export type ApiTokenRow = Omit<Selectable<Tables['api_token']>, 'hash'>;

export function toApiToken(row: ApiTokenRow): ApiToken {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    name: row.name,
    scopes: row.scopes,
    taskId: row.task_id,
    prefix: row.prefix,
    createdAt: toTimestamp(row.created_at),
    expiresAt: row.expires_at === null ? null : toTimestamp(row.expires_at),
    revokedAt: row.revoked_at === null ? null : toTimestamp(row.revoked_at),
    lastUsedAt: row.last_used_at === null ? null : toTimestamp(row.last_used_at),
  };
}

export interface NewApiToken {
  readonly workspaceId: string;
  readonly name: string;
  readonly scopes: readonly TokenScope[];
  readonly taskId: string | null;
  readonly prefix: string;
  readonly hash: Buffer;
  readonly expiresAt: Timestamp | null;
}

/** Null when the workspace does not exist, or the task is not the workspace's. */
export async function insertApiToken(
  db: Database,
  token: NewApiToken,
  actor: string,
): Promise<ApiToken | null> {
  const { workspaceId, taskId, name, scopes, expiresAt } = token;
  const details = { name, scopes: scopes.map((scope) => scope.toUpperCase()), taskId, expiresAt };
  const { rows } = await sql<ApiTokenRow>`
    with inserted as (
      insert into api_token (id, workspace_id, name, hash, prefix, scopes, task_id, created_at, expires_at)
      select ${newId('token', db.clock.now())}, workspace.id, ${name}, ${token.hash}, ${token.prefix},
        ${scopes}::text[], ${taskId}, now(), ${expiresAt}::timestamptz
      from workspace where workspace.id = ${workspaceId} and (${taskId}::text is null
        or exists (select from task where task.id = ${taskId} and task.workspace_id = ${workspaceId}))
      returning id, workspace_id, name, prefix, scopes, task_id, created_at, expires_at, revoked_at, last_used_at
    ), audit as (${insertAudit({ actor, action: 'token.created', details }, 'inserted')})
    select * from inserted
  `.execute(db.kysely);
  return rows[0] ? toApiToken(rows[0]) : null;
}

/**
 * Revokes a token of the workspace (null: of any), and tells all servers. One that is revoked already stays as it is. Null
 * when it does not exist.
 */
export async function revokeApiToken(
  db: Database,
  workspaceId: string | null,
  id: string,
  actor: string,
): Promise<ApiToken | null> {
  const { rows } = await sql<ApiTokenRow>`
    with found as (
      select * from api_token where id = ${id} and (${workspaceId}::text is null or workspace_id = ${workspaceId})
      for update
    ), revoked as (
      update api_token set revoked_at = now() from found
      where api_token.id = found.id and found.revoked_at is null
      returning api_token.id, api_token.workspace_id, api_token.revoked_at
    ), audit as (${insertAudit({ actor, action: 'token.revoked' }, 'revoked')})
    select found.id, found.workspace_id, found.name, found.prefix, found.scopes, found.task_id, found.created_at,
      found.expires_at, coalesce(revoked.revoked_at, found.revoked_at) as revoked_at, found.last_used_at,
      pg_notify(${sql.lit(credentialEndChannel)}, found.id)
    from found left join revoked on true
  `.execute(db.kysely);
  return rows[0] ? toApiToken(rows[0]) : null;
}

/** A token with what it opens. */
export interface StoredToken {
  readonly token: ApiToken;
  readonly workspace: Workspace;
  readonly hash: Buffer;
}

/** The token of this hash, revoked and expired ones included; null when there is none. */
export async function findTokenByHash(db: Database, hash: Buffer): Promise<StoredToken | null> {
  const row = await db.kysely
    .selectFrom('api_token')
    .innerJoin('workspace', 'workspace.id', 'api_token.workspace_id')
    .selectAll('api_token')
    .select('workspace.name as workspace_name')
    .where('api_token.hash', '=', hash)
    .executeTakeFirst();
  if (!row) return null;
  const workspace = { id: row.workspace_id, name: row.workspace_name };
  return { token: toApiToken(row), workspace, hash: row.hash as Buffer };
}

/** Those of these tokens and logins that still open something, apart from their expiry. */
export async function findLivingCredentials(db: Database, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from api_token where id = any(${ids}) and revoked_at is null
    union all
    select login.id from login left join api_token on api_token.id = login.token_id
    where login.id = any(${ids}) and login.ended_at is null and api_token.revoked_at is null
  `.execute(db.kysely);
  return new Set(rows.map(({ id }) => id));
}

/** Records that these tokens were used, to the minute: a token is written at most once a minute, however many servers it is used at. */
export async function recordTokenUse(db: Database, ids: readonly string[]): Promise<void> {
  await sql`
    update api_token set last_used_at = date_trunc('minute', now())
    where id = any(${ids}) and (last_used_at is null or last_used_at < date_trunc('minute', now()))
  `.execute(db.kysely);
}

/** Every token, or those of one workspace, oldest first: for `npm run token`. */
export async function listApiTokens(db: Database, workspaceId: string | null): Promise<ApiToken[]> {
  const rows = await db.kysely
    .selectFrom('api_token')
    .selectAll()
    .$if(workspaceId !== null, (query) => query.where('workspace_id', '=', workspaceId))
    .orderBy('id')
    .execute();
  return rows.map(toApiToken);
}
