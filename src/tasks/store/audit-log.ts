import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { newId } from '../domain/id.ts';
import type { Timestamp } from '../domain/task.ts';
import { toTimestamp } from './task-rows.ts';

/** What the audit log holds: changes of tokens, logins, workspaces and webhooks, and the ends of tasks. */
export type AuditAction =
  | 'workspace.created'
  | 'token.created'
  | 'token.revoked'
  | 'login.created'
  | 'login.ended'
  | 'webhook.created'
  | 'webhook.updated'
  | 'webhook.disabled'
  | 'webhook.deleted'
  | 'webhook.secret_rotated'
  | 'task.canceled'
  | 'task.archived';

export interface AuditEntry {
  readonly actor: string;
  readonly action: AuditAction;
  /** Holds no secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** SQL of an insert into the audit log, for each row of `source`: a table with the columns `id` and `workspace_id`. */
export function insertAudit(
  { actor, action, details = {} }: AuditEntry,
  source: string,
): RawBuilder<unknown> {
  return sql`insert into audit_event (id, workspace_id, actor, action, object_id, details)
    select ${newId('audit')}, workspace_id, ${actor}, ${action}, id, ${JSON.stringify(details)}::jsonb
    from ${sql.table(source)}`;
}

export interface AuditEvent {
  readonly id: string;
  readonly at: Timestamp;
  readonly workspaceId: string;
  readonly actor: string;
  readonly action: string;
  readonly objectId: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Up to `limit` entries after that one, oldest first; `null` begins at the first, and with all workspaces. */
export async function readAudit(
  db: Database,
  workspaceId: string | null,
  after: string | null,
  limit: number,
): Promise<AuditEvent[]> {
  const rows = await db.kysely
    .selectFrom('audit_event')
    .selectAll()
    .$if(workspaceId !== null, (query) => query.where('workspace_id', '=', workspaceId))
    .$if(after !== null, (query) => query.where('id', '>', after))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    at: toTimestamp(row.at),
    workspaceId: row.workspace_id,
    actor: row.actor,
    action: row.action,
    objectId: row.object_id,
    details: row.details,
  }));
}
