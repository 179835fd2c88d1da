import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { newId } from '../domain/id.ts';
import type { Timestamp } from '../domain/task.ts';
import type { ApiToken, Workspace } from '../domain/viewer.ts';
import { toApiToken } from './api-tokens.ts';
import { insertAudit } from './audit-log.ts';
import { credentialEndChannel } from './credential-channels.ts';
import { toTimestamp } from './task-rows.ts';

export interface NewLogin {
  readonly workspaceId: string;
  /** Null for a login of the owner. */
  readonly tokenId: string | null;
  readonly hash: Buffer;
  /** At most: a login does not outlive its token. */
  readonly lifetimeMs: number;
}

/** Stores a login. Returns how many milliseconds it lasts; null when its token does not exist any more. */
export async function insertLogin(db: Database, login: NewLogin, actor: string): Promise<number | null> {
  const { workspaceId, tokenId, hash, lifetimeMs } = login;
  const { rows } = await sql<{ lasts: number }>`
    with inserted as (
      insert into login (id, workspace_id, token_id, hash, expires_at)
      select ${newId('login', db.clock.now())}, workspace.id, ${tokenId}, ${hash},
        least(now() + ${lifetimeMs} * interval '1 millisecond', api_token.expires_at)
      from workspace left join api_token on api_token.id = ${tokenId}
      where workspace.id = ${workspaceId} and (${tokenId}::text is null or api_token.id is not null)
      returning id, workspace_id, expires_at
    ), audit as (${insertAudit({ actor, action: 'login.created', details: { tokenId } }, 'inserted')})
    select (extract(epoch from expires_at - now()) * 1000)::float8 as lasts from inserted
  `.execute(db.kysely);
  return rows[0]?.lasts ?? null;
}

/** Ends a login, and tells all servers. One that has ended already stays as it is. */
export async function endLogin(db: Database, id: string, actor: string): Promise<void> {
  await sql`
    with ended as (
      update login set ended_at = now() where id = ${id} and ended_at is null returning id, workspace_id
    ), audit as (${insertAudit({ actor, action: 'login.ended' }, 'ended')})
    select pg_notify(${sql.lit(credentialEndChannel)}, id) from ended
  `.execute(db.kysely);
}

/** A login with what it opens. */
export interface StoredLogin {
  readonly id: string;
  readonly hash: Buffer;
  /** It was ended, or its token was revoked. */
  readonly hasEnded: boolean;
  readonly expiresAt: Timestamp;
  /** Null for a login of the owner. */
  readonly token: ApiToken | null;
  readonly workspace: Workspace;
}

/** The login that has one of these hashes, whether it has ended or not; null when there is none. */
export async function findLogin(db: Database, hashes: readonly Buffer[]): Promise<StoredLogin | null> {
  const row = await db.kysely
    .selectFrom('login')
    .innerJoin('workspace', 'workspace.id', 'login.workspace_id')
    .select(['login.id', 'login.hash', 'login.expires_at', 'login.ended_at', 'login.token_id'])
    .select(['workspace.id as workspace_id', 'workspace.name as workspace_name'])
    .where('login.hash', '=', sql<Buffer>`any(${hashes}::bytea[])`)
    .executeTakeFirst();
  if (!row) return null;
  const token =
    row.token_id === null
      ? null
      : await db.kysely.selectFrom('api_token').selectAll().where('id', '=', row.token_id).executeTakeFirst();
  return {
    id: row.id,
    hash: row.hash as Buffer,
    // A token that is missing was deleted since the first read, and the login with it.
    hasEnded: row.ended_at !== null || token === undefined || (token?.revoked_at ?? null) !== null,
    expiresAt: toTimestamp(row.expires_at),
    token: token ? toApiToken(token) : null,
    workspace: { id: row.workspace_id, name: row.workspace_name },
  };
}

/** Deletes up to `limit` logins that expired more than 30 days ago. Returns how many it deleted. */
export async function deleteExpiredLogins(db: Database, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from login where ctid = any (array(
      select ctid from login where expires_at < now() - interval '30 days'
      order by expires_at limit ${limit} for update skip locked
    )) returning id
  `.execute(db.kysely);
  return rows.length;
}
